//! Reductions, softmax and running sums.

use move37_candidate::ir::{Axis, Node, Op, Reduction};

use super::node::{floats, settle};
use super::steps::Machine;
use crate::exec::kernels::{integer, reduce as kernel, scan as scans, softmax as soft};
use crate::exec::layout::around;
use crate::exec::value::{Data, Value};

/// Reduce neighbouring axes together, groups from the right.
pub(crate) fn reduce<'a>(
    kind: Reduction,
    axes: &[Axis],
    node: &Node,
    inputs: &mut Vec<Value<'a>>,
    machine: &mut Machine<'_>,
) -> Value<'a> {
    let mut value = inputs.remove(0);
    let mut shape = value.shape().to_vec();
    let mut left = axes.to_vec();
    while let Some(last) = left.pop() {
        let mut first = last;
        while first > 0 && (left.last() == Some(&(first - 1)) || shape[first - 1] == 1) {
            first -= 1;
            if left.last() == Some(&first) {
                left.pop();
            }
        }
        let sizes = (
            shape[..first].iter().product(),
            shape[first..=last].iter().product(),
            shape[last + 1..].iter().product::<usize>(),
        );
        shape[first..=last].fill(1);
        let mut operand = [value];
        settle(&mut operand, 0, machine);
        let [settled] = operand;
        value = one(kind, &settled, sizes, &shape, machine);
        machine.pool.release(settled);
    }
    let layout = value.layout.reshape(&node.shape).expect("row-major");
    value.with(layout)
}

fn one<'a>(
    kind: Reduction,
    x: &Value<'_>,
    sizes: (usize, usize, usize),
    shape: &[usize],
    machine: &mut Machine<'_>,
) -> Value<'a> {
    let (outer, _, inner) = sizes;
    match &x.data {
        Data::F32(_) => {
            let mut out = machine.pool.take(outer * inner);
            kernel::reduce(kind, floats(x), sizes, &mut out, machine.threads);
            Value::f32(out, shape)
        }
        _ => {
            let (from, n) = (x.layout.offset, x.layout.elements());
            Value::i64(integer::reduce(kind, &x.integers()[from..from + n], sizes), shape)
        }
    }
}

pub(crate) fn softmax<'a>(
    log: bool,
    axis: Axis,
    node: &Node,
    inputs: &mut [Value<'a>],
    machine: &mut Machine<'_>,
) -> Value<'a> {
    settle(inputs, 0, machine);
    let mut out = machine.pool.take(node.elements());
    soft::softmax(log, floats(&inputs[0]), around(&node.shape, axis), &mut out, machine.threads);
    Value::f32(out, &node.shape)
}

/// Running sum or product.
pub(crate) fn scan<'a>(axis: Axis, node: &Node, inputs: &mut [Value<'a>], machine: &mut Machine<'_>) -> Value<'a> {
    settle(inputs, 0, machine);
    let sizes = around(&node.shape, axis);
    let product = matches!(node.op, Op::CumProd(_));
    let x = &inputs[0];
    match &x.data {
        Data::F32(_) => {
            let mut out = machine.pool.take(node.elements());
            match product {
                true => scans::cumprod(floats(x), sizes, &mut out),
                false => scans::cumsum(floats(x), sizes, &mut out),
            }
            Value::f32(out, &node.shape)
        }
        _ => {
            let data = &x.integers()[x.layout.offset..x.layout.offset + node.elements()];
            let data: Vec<_> = data.iter().map(|&x| std::num::Wrapping(x)).collect();
            let mut out = data.clone();
            match product {
                true => scans::cumprod(&data, sizes, &mut out),
                false => scans::cumsum(&data, sizes, &mut out),
            }
            Value::i64(out.into_iter().map(|x| x.0).collect(), &node.shape)
        }
    }
}
