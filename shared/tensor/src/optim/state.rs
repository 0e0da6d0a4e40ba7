//! What the optimiser remembers.

use candle_core::{Device, Tensor};

use crate::Error;

/// Moments of the gradients, one entry per parameter (row-major), and the number of steps taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Steps taken.
    pub step: u64,
    /// First moments.
    pub m: Vec<Vec<f32>>,
    /// Second moments.
    pub v: Vec<Vec<f32>>,
}

impl State {
    /// Before the first step of these parameters.
    pub fn new(params: &[Tensor]) -> Self {
        let zeros: Vec<Vec<f32>> = params.iter().map(|p| vec![0.0; p.elem_count()]).collect();
        Self { step: 0, m: zeros.clone(), v: zeros }
    }

    /// The moments as named tensors (`m.NAME`, `v.NAME`, flat) for a checkpoint.
    ///
    /// # Errors
    /// If candle cannot make a tensor.
    pub fn tensors(&self, names: &[&str]) -> Result<Vec<(String, Tensor)>, Error> {
        let mut all = Vec::with_capacity(2 * names.len());
        for (kind, moments) in [("m", &self.m), ("v", &self.v)] {
            for (name, data) in names.iter().zip(moments) {
                all.push((format!("{kind}.{name}"), Tensor::from_slice(data, data.len(), &Device::Cpu)?));
            }
        }
        Ok(all)
    }

    /// The state that [`State::tensors`] gave, in the same order, after `step` steps.
    ///
    /// # Errors
    /// If there is an odd number of tensors, or one is not F32.
    pub fn restore(step: u64, tensors: &[Tensor]) -> Result<Self, Error> {
        if !tensors.len().is_multiple_of(2) {
            return Err(Error::Count { what: "moments", needed: tensors.len() + 1, got: tensors.len() });
        }
        let (m, v) = tensors.split_at(tensors.len() / 2);
        let read = |part: &[Tensor]| -> Result<Vec<Vec<f32>>, Error> {
            part.iter().map(|t| Ok(t.flatten_all()?.to_vec1::<f32>()?)).collect()
        };
        Ok(Self { step, m: read(m)?, v: read(v)? })
    }
}
