//! Reading and adding at indices; finding and sorting them.

use move37_candidate::ir::{Axis, Node, Op};

use super::movement::writable;
use super::node::{floats, settle};
use super::steps::Machine;
use crate::exec::kernels::index::{self, OutOfRange};
use crate::exec::layout::around;
use crate::exec::value::{Data, Value};

/// Row-major elements of a settled buffer.
fn window<'v, T>(data: &'v [T], value: &Value<'_>) -> &'v [T] {
    &data[value.layout.offset..value.layout.offset + value.layout.elements()]
}

pub(crate) fn select<'a>(
    axis: Axis,
    node: &Node,
    inputs: &mut [Value<'a>],
    machine: &mut Machine<'_>,
) -> Result<Value<'a>, OutOfRange> {
    settle(inputs, 0, machine);
    settle(inputs, 1, machine);
    let (x, i) = (&inputs[0], &inputs[1]);
    let (sizes, rows, n) = (around(x.shape(), axis), window(i.integers(), i), node.elements());
    Ok(match &x.data {
        Data::F32(_) => {
            let mut out = machine.pool.take(n);
            index::select(floats(x), sizes, rows, &mut out)?;
            Value::f32(out, &node.shape)
        }
        Data::I64(b) => {
            let mut out = vec![0; n];
            index::select(window(b.as_slice(), x), sizes, rows, &mut out)?;
            Value::i64(out, &node.shape)
        }
        Data::Bool(b) => {
            let mut out = vec![0; n];
            index::select(window(b.as_slice(), x), sizes, rows, &mut out)?;
            Value::bool(out, &node.shape)
        }
    })
}

pub(crate) fn gather<'a>(
    axis: Axis,
    node: &Node,
    inputs: &mut [Value<'a>],
    machine: &mut Machine<'_>,
) -> Result<Value<'a>, OutOfRange> {
    settle(inputs, 0, machine);
    settle(inputs, 1, machine);
    let (x, i) = (&inputs[0], &inputs[1]);
    let (rows, n) = (window(i.integers(), i), node.elements());
    Ok(match &x.data {
        Data::F32(_) => {
            let (mut out, from) = (machine.pool.take(n), floats(x));
            index::positions(rows, &node.shape, x.shape(), axis, |to, at| out[to] = from[at])?;
            Value::f32(out, &node.shape)
        }
        Data::I64(b) => {
            let (mut out, from) = (vec![0; n], window(b.as_slice(), x));
            index::positions(rows, &node.shape, x.shape(), axis, |to, at| out[to] = from[at])?;
            Value::i64(out, &node.shape)
        }
        Data::Bool(b) => {
            let (mut out, from) = (vec![0; n], window(b.as_slice(), x));
            index::positions(rows, &node.shape, x.shape(), axis, |to, at| out[to] = from[at])?;
            Value::bool(out, &node.shape)
        }
    })
}

pub(crate) fn scatter_add<'a>(
    axis: Axis,
    node: &Node,
    inputs: &mut Vec<Value<'a>>,
    machine: &mut Machine<'_>,
) -> Result<Value<'a>, OutOfRange> {
    settle(inputs, 1, machine);
    settle(inputs, 2, machine);
    let mut out = writable(inputs.remove(0), machine);
    let (i, src) = (&inputs[0], floats(&inputs[1]));
    index::positions(window(i.integers(), i), i.shape(), &node.shape, axis, |from, at| out[at] += src[from])?;
    Ok(Value::f32(out, &node.shape))
}

pub(crate) fn index_add<'a>(
    axis: Axis,
    node: &Node,
    inputs: &mut Vec<Value<'a>>,
    machine: &mut Machine<'_>,
) -> Result<Value<'a>, OutOfRange> {
    settle(inputs, 1, machine);
    settle(inputs, 2, machine);
    let mut out = writable(inputs.remove(0), machine);
    let (i, src) = (&inputs[0], floats(&inputs[1]));
    index::add(&mut out, around(&node.shape, axis), window(i.integers(), i), src)?;
    Ok(Value::f32(out, &node.shape))
}

/// Argmax and argsort.
pub(crate) fn order<'a>(axis: Axis, node: &Node, inputs: &mut [Value<'a>], machine: &mut Machine<'_>) -> Value<'a> {
    settle(inputs, 0, machine);
    let x = &inputs[0];
    let sizes = around(x.shape(), axis);
    let mut out = vec![0; node.elements()];
    match (&node.op, &x.data) {
        (Op::ArgSort { descending, .. }, Data::F32(_)) => {
            index::argsort(floats(x), sizes, *descending, index::float_order, &mut out);
        }
        (Op::ArgSort { descending, .. }, Data::I64(b)) => {
            index::argsort(window(b.as_slice(), x), sizes, *descending, |a, b| a.cmp(&b), &mut out);
        }
        (Op::ArgSort { descending, .. }, Data::Bool(b)) => {
            index::argsort(window(b.as_slice(), x), sizes, *descending, |a, b| a.cmp(&b), &mut out);
        }
        (_, Data::F32(_)) => index::argmax(floats(x), sizes, index::float_order, &mut out),
        (_, Data::I64(b)) => index::argmax(window(b.as_slice(), x), sizes, |a, b| a.cmp(&b), &mut out),
        (_, Data::Bool(b)) => index::argmax(window(b.as_slice(), x), sizes, |a, b| a.cmp(&b), &mut out),
    }
    Value::i64(out, &node.shape)
}
