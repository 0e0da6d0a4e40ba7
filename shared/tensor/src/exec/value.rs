//! Values of nodes while a program runs.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::layout::Layout;
use crate::Error;

/// A buffer, shared or lent by the caller.
#[derive(Clone, Debug)]
pub(crate) enum Buffer<'a, T> {
    Shared(Arc<Vec<T>>),
    Lent(&'a [T]),
}

impl<T> Buffer<'_, T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::Shared(data) => data,
            Self::Lent(data) => data,
        }
    }
}

impl<T> From<Vec<T>> for Buffer<'_, T> {
    fn from(data: Vec<T>) -> Self {
        Self::Shared(Arc::new(data))
    }
}

/// Elements of one of the three dtypes; Bool is stored as 0 and 1.
#[derive(Clone, Debug)]
pub(crate) enum Data<'a> {
    F32(Buffer<'a, f32>),
    I64(Buffer<'a, i64>),
    Bool(Buffer<'a, u8>),
}

/// A tensor: elements and how they lie.
#[derive(Clone, Debug)]
pub(crate) struct Value<'a> {
    pub(crate) data: Data<'a>,
    pub(crate) layout: Layout,
}

impl<'a> Value<'a> {
    pub(crate) fn f32(data: Vec<f32>, shape: &[usize]) -> Self {
        Self { data: Data::F32(data.into()), layout: Layout::row_major(shape) }
    }

    pub(crate) fn i64(data: Vec<i64>, shape: &[usize]) -> Self {
        Self { data: Data::I64(data.into()), layout: Layout::row_major(shape) }
    }

    pub(crate) fn bool(data: Vec<u8>, shape: &[usize]) -> Self {
        Self { data: Data::Bool(data.into()), layout: Layout::row_major(shape) }
    }

    /// The same elements seen through another layout.
    pub(crate) fn with(&self, layout: Layout) -> Self {
        Self { data: self.data.clone(), layout }
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// The float elements of the whole buffer.
    pub(crate) fn floats(&self) -> &[f32] {
        match &self.data {
            Data::F32(b) => b.as_slice(),
            _ => unreachable!("the graph's type rules ask for floats here"),
        }
    }

    /// The integer elements of the whole buffer.
    pub(crate) fn integers(&self) -> &[i64] {
        match &self.data {
            Data::I64(b) => b.as_slice(),
            _ => unreachable!("the graph's type rules ask for integers here"),
        }
    }

    /// The truth values of the whole buffer.
    pub(crate) fn truths(&self) -> &[u8] {
        match &self.data {
            Data::Bool(b) => b.as_slice(),
            _ => unreachable!("the graph's type rules ask for truth values here"),
        }
    }

    /// The float elements, if they lie row-major.
    pub(crate) fn row_major_floats(&self) -> Option<&[f32]> {
        let n = self.layout.elements();
        self.layout.is_row_major().then(|| &self.floats()[self.layout.offset..self.layout.offset + n])
    }

    /// A candle tensor; moves the buffer where this is its only user. The layout must be row-major.
    pub(crate) fn into_tensor(self) -> Result<Tensor, Error> {
        let (shape, range) = (self.layout.shape.clone(), self.range());
        Ok(match self.data {
            Data::F32(b) => Tensor::from_vec(owned(b, range), shape, &Device::Cpu)?,
            Data::I64(b) => Tensor::from_vec(owned(b, range), shape, &Device::Cpu)?,
            Data::Bool(b) => Tensor::from_vec(owned(b, range), shape, &Device::Cpu)?,
        })
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.layout.offset..self.layout.offset + self.layout.elements()
    }
}

fn owned<T: Copy>(buffer: Buffer<'_, T>, range: std::ops::Range<usize>) -> Vec<T> {
    match buffer {
        Buffer::Shared(data) if data.len() == range.len() => Arc::unwrap_or_clone(data),
        Buffer::Shared(data) => data[range].to_vec(),
        Buffer::Lent(data) => data[range].to_vec(),
    }
}
