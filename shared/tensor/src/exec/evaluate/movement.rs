//! Views, windows and concatenation.

use std::sync::Arc;

use move37_candidate::ir::{Axis, Node, Op};

use super::node::{row_major, settle};
use super::steps::Machine;
use crate::exec::kernels::{copy, scan};
use crate::exec::layout::{Layout, around};
use crate::exec::value::{Buffer, Data, Value};

/// Reshape, permute, expand, slice: new strides on the same buffer; a reshape that strides cannot say copies.
pub(crate) fn view<'a>(node: &Node, inputs: &mut Vec<Value<'a>>, machine: &mut Machine<'_>) -> Value<'a> {
    let x = inputs.remove(0);
    let layout = match &node.op {
        Op::Permute(perm) => x.layout.permute(perm),
        Op::Expand => x.layout.expand(&node.shape),
        Op::Slice { axis, start, step } => x.layout.slice(*axis, *start, *step, node.shape[*axis]),
        _ => match x.layout.reshape(&node.shape) {
            Some(layout) => layout,
            None => {
                let x = row_major(x, machine);
                return x.with(x.layout.reshape(&node.shape).expect("row-major"));
            }
        },
    };
    Value { data: x.data, layout }
}

/// Copy `[outer, width]` rows of a strided operand to offset `at` of rows of `stride` elements.
fn deposit<T: Copy>(src: &[T], layout: &Layout, width: usize, out: &mut [T], at: usize, stride: usize) {
    if width == 0 || layout.elements() == 0 {
        return;
    }
    let dims = layout.dims();
    for (i, row) in out.chunks_exact_mut(stride).enumerate() {
        copy::read(src, &dims, layout.offset, i * width, &mut row[at..at + width]);
    }
}

pub(crate) fn cat<'a>(axis: Axis, node: &Node, inputs: &mut [Value<'a>], machine: &mut Machine<'_>) -> Value<'a> {
    let (_, len, inner) = around(&node.shape, axis);
    let n = node.elements();
    let stride = (len * inner).max(1);
    macro_rules! join {
        ($out:expr, $elements:ident) => {{
            let mut out = $out;
            let mut at = 0;
            for x in inputs.iter() {
                let width = x.shape()[axis] * inner;
                deposit(x.$elements(), &x.layout, width, &mut out, at, stride);
                at += width;
            }
            out
        }};
    }
    match inputs[0].data {
        Data::F32(_) => Value::f32(join!(machine.pool.take(n), floats), &node.shape),
        Data::I64(_) => Value::i64(join!(vec![0; n], integers), &node.shape),
        Data::Bool(_) => Value::bool(join!(vec![0; n], truths), &node.shape),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "constants are rounded to the node's dtype")]
pub(crate) fn pad<'a>(
    axis: Axis,
    before: usize,
    value: f64,
    node: &Node,
    inputs: &[Value<'a>],
    machine: &mut Machine<'_>,
) -> Value<'a> {
    let (_, len, inner) = around(&node.shape, axis);
    let x = &inputs[0];
    let (width, stride, at) = (x.shape()[axis] * inner, (len * inner).max(1), before * inner);
    let n = node.elements();
    match &x.data {
        Data::F32(b) => {
            let mut out = machine.pool.take(n);
            for row in out.chunks_exact_mut(stride) {
                row[..at].fill(value as f32);
                row[at + width..].fill(value as f32);
            }
            deposit(b.as_slice(), &x.layout, width, &mut out, at, stride);
            Value::f32(out, &node.shape)
        }
        Data::I64(b) => {
            let mut out = vec![value as i64; n];
            deposit(b.as_slice(), &x.layout, width, &mut out, at, stride);
            Value::i64(out, &node.shape)
        }
        Data::Bool(b) => {
            let mut out = vec![u8::from(value != 0.0); n];
            deposit(b.as_slice(), &x.layout, width, &mut out, at, stride);
            Value::bool(out, &node.shape)
        }
    }
}

pub(crate) fn flip<'a>(axis: Axis, node: &Node, inputs: &mut [Value<'a>], machine: &mut Machine<'_>) -> Value<'a> {
    settle(inputs, 0, machine);
    let (sizes, n, shape) = (around(&node.shape, axis), node.elements(), &node.shape);
    let at = inputs[0].layout.offset;
    match &inputs[0].data {
        Data::F32(b) => {
            let mut out = machine.pool.take(n);
            scan::flip(&b.as_slice()[at..at + n], sizes, &mut out);
            Value::f32(out, shape)
        }
        Data::I64(b) => {
            let mut out = vec![0; n];
            scan::flip(&b.as_slice()[at..at + n], sizes, &mut out);
            Value::i64(out, shape)
        }
        Data::Bool(b) => {
            let mut out = vec![0; n];
            scan::flip(&b.as_slice()[at..at + n], sizes, &mut out);
            Value::bool(out, shape)
        }
    }
}

/// The float buffer of a value, row-major and free to be written: its own where nobody else reads it, else a copy.
pub(crate) fn writable(value: Value<'_>, machine: &mut Machine<'_>) -> Vec<f32> {
    let n = value.layout.elements();
    let value = match value {
        Value { data: Data::F32(Buffer::Shared(data)), layout } if data.len() == n && layout.is_row_major() => {
            match Arc::try_unwrap(data) {
                Ok(buffer) => return buffer,
                Err(data) => Value { data: Data::F32(Buffer::Shared(data)), layout },
            }
        }
        other => other,
    };
    let mut out = machine.pool.take(n);
    copy::copy(value.floats(), &value.layout, &mut out);
    machine.pool.release(value);
    out
}

pub(crate) fn slice_scatter<'a>(
    axis: Axis,
    start: usize,
    step: usize,
    node: &Node,
    inputs: &mut Vec<Value<'a>>,
    machine: &mut Machine<'_>,
) -> Value<'a> {
    let base = inputs.remove(0);
    let (_, len, inner) = around(&node.shape, axis);
    let value = &inputs[0];
    let count = value.shape()[axis];
    match &base.data {
        Data::F32(_) => {
            let mut out = writable(base, machine);
            write(value.floats(), &value.layout, count, start, step, (len, inner), &mut out);
            Value::f32(out, &node.shape)
        }
        Data::I64(b) => {
            let mut out = vec![0; node.elements()];
            copy::copy(b.as_slice(), &base.layout, &mut out);
            write(value.integers(), &value.layout, count, start, step, (len, inner), &mut out);
            Value::i64(out, &node.shape)
        }
        Data::Bool(b) => {
            let mut out = vec![0; node.elements()];
            copy::copy(b.as_slice(), &base.layout, &mut out);
            write(value.truths(), &value.layout, count, start, step, (len, inner), &mut out);
            Value::bool(out, &node.shape)
        }
    }
}

/// Write `count` slices at `start, start + step, ..` of each row of `len * inner` elements.
fn write<T: Copy>(
    src: &[T],
    layout: &Layout,
    count: usize,
    start: usize,
    step: usize,
    (len, inner): (usize, usize),
    out: &mut [T],
) {
    if layout.elements() == 0 {
        return;
    }
    let dims = layout.dims();
    for (o, row) in out.chunks_exact_mut(len * inner).enumerate() {
        if step == 1 {
            let to = &mut row[start * inner..(start + count) * inner];
            copy::read(src, &dims, layout.offset, o * count * inner, to);
            continue;
        }
        for i in 0..count {
            let to = &mut row[(start + i * step) * inner..][..inner];
            copy::read(src, &dims, layout.offset, (o * count + i) * inner, to);
        }
    }
}
