//! Computing one node that is not part of a cluster.

use move37_candidate::ir::{DType, Graph, Node, NodeId, Op, eval};

use super::steps::Machine;
use super::{elementwise, indexing, movement, reduction};
use crate::Error;
use crate::exec::kernels::{conv, copy, fft, matmul};
use crate::exec::layout::Layout;
use crate::exec::value::{Buffer, Data, Value};

/// The value of a node from its operands, which it may consume.
pub(crate) fn compute<'a>(
    graph: &Graph,
    id: NodeId,
    inputs: &mut Vec<Value<'a>>,
    machine: &mut Machine<'_>,
) -> Result<Value<'a>, Error> {
    let node = graph.node(id);
    let line = node.span.line;
    Ok(match &node.op {
        Op::Input(_) | Op::Param(_) => unreachable!("leaves are given"),
        Op::Random { .. } => return Err(Error::Random { line }),
        Op::Full(value) => splat(value.0, node),
        Op::Arange { start, step } => {
            let data: Vec<f64> = (0..node.shape[0]).map(|i| start.0 + i as f64 * step.0).collect();
            literal(&data, node)
        }
        Op::Literal(data) => literal(&data.iter().map(|x| x.0).collect::<Vec<_>>(), node),
        Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Where | Op::Cast => {
            elementwise::compute(node, inputs).map_err(|_| Error::DivisionByZero { line })?
        }
        Op::Matmul => matmul::matmul(&inputs[0], &inputs[1], &node.shape, machine.pool, machine.threads),
        Op::Reduce { kind, axes } => reduction::reduce(*kind, axes, node, inputs, machine),
        Op::Softmax(axis) => reduction::softmax(false, *axis, node, inputs, machine),
        Op::LogSoftmax(axis) => reduction::softmax(true, *axis, node, inputs, machine),
        Op::CumSum(axis) | Op::CumProd(axis) => reduction::scan(*axis, node, inputs, machine),
        Op::ArgMax(axis) | Op::ArgSort { axis, .. } => indexing::order(*axis, node, inputs, machine),
        Op::Reshape | Op::Permute(_) | Op::Expand | Op::Slice { .. } => movement::view(node, inputs, machine),
        Op::SliceScatter { axis, start, step } => movement::slice_scatter(*axis, *start, *step, node, inputs, machine),
        Op::Cat(axis) => movement::cat(*axis, node, inputs, machine),
        Op::Pad { axis, before, value, .. } => movement::pad(*axis, *before, value.0, node, inputs, machine),
        Op::Flip(axis) => movement::flip(*axis, node, inputs, machine),
        Op::Gather(axis) => indexing::gather(*axis, node, inputs, machine).map_err(|e| Error::Index {
            line,
            index: e.index,
            size: e.size,
        })?,
        Op::IndexSelect(axis) => indexing::select(*axis, node, inputs, machine).map_err(|e| Error::Index {
            line,
            index: e.index,
            size: e.size,
        })?,
        Op::ScatterAdd(axis) => indexing::scatter_add(*axis, node, inputs, machine).map_err(|e| Error::Index {
            line,
            index: e.index,
            size: e.size,
        })?,
        Op::IndexAdd(axis) => indexing::index_add(*axis, node, inputs, machine).map_err(|e| Error::Index {
            line,
            index: e.index,
            size: e.size,
        })?,
        Op::CircularConv => circular(node, inputs, machine),
        Op::DepthwiseConv { dilation } => convolve(*dilation, node, inputs, machine),
        Op::DepthwiseConvWeight { dilation, .. } => convolve_weight(*dilation, node, inputs, machine),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "constants are rounded to the node's dtype")]
fn splat<'a>(value: f64, node: &Node) -> Value<'a> {
    let data = match node.dtype {
        DType::F32 => Data::F32(vec![value as f32].into()),
        DType::I64 => Data::I64(vec![value as i64].into()),
        DType::Bool => Data::Bool(vec![u8::from(value != 0.0)].into()),
    };
    Value { data, layout: Layout::splat(&node.shape) }
}

#[expect(clippy::cast_possible_truncation, reason = "constants are rounded to the node's dtype")]
fn literal<'a>(data: &[f64], node: &Node) -> Value<'a> {
    match node.dtype {
        DType::F32 => Value::f32(data.iter().map(|&x| x as f32).collect(), &node.shape),
        DType::I64 => Value::i64(data.iter().map(|&x| x as i64).collect(), &node.shape),
        DType::Bool => Value::bool(data.iter().map(|&x| u8::from(x != 0.0)).collect(), &node.shape),
    }
}

/// A value whose elements lie row-major; copies only where they do not.
pub(crate) fn row_major<'a>(value: Value<'a>, machine: &mut Machine<'_>) -> Value<'a> {
    if value.layout.is_row_major() {
        return value;
    }
    let (n, shape) = (value.layout.elements(), value.shape().to_vec());
    let copied = match &value.data {
        Data::F32(b) => {
            let mut out = machine.pool.take(n);
            copy::copy(b.as_slice(), &value.layout, &mut out);
            Value::f32(out, &shape)
        }
        Data::I64(b) => Value::i64(gathered(b, &value.layout), &shape),
        Data::Bool(b) => Value::bool(gathered(b, &value.layout), &shape),
    };
    machine.pool.release(value);
    copied
}

fn gathered<T: Copy + Default>(buffer: &Buffer<'_, T>, layout: &Layout) -> Vec<T> {
    let mut out = vec![T::default(); layout.elements()];
    copy::copy(buffer.as_slice(), layout, &mut out);
    out
}

/// Make the i-th operand row-major.
pub(crate) fn settle(inputs: &mut [Value<'_>], i: usize, machine: &mut Machine<'_>) {
    if !inputs[i].layout.is_row_major() {
        inputs[i] = row_major(inputs[i].clone(), machine);
    }
}

/// The row-major float elements of an operand that [`settle`] has seen.
pub(crate) fn floats<'v>(value: &'v Value<'_>) -> &'v [f32] {
    value.row_major_floats().expect("settled before")
}

fn convolve<'a>(dilation: usize, node: &Node, inputs: &mut [Value<'a>], machine: &mut Machine<'_>) -> Value<'a> {
    settle(inputs, 0, machine);
    settle(inputs, 1, machine);
    let (x, w) = (&inputs[0], &inputs[1]);
    let mut out = machine.pool.take(node.elements());
    let sizes = conv_sizes(x.shape(), node.shape[2], w.shape()[1], dilation);
    conv::forward(floats(x), floats(w), sizes, &mut out, machine.threads);
    Value::f32(out, &node.shape)
}

fn circular<'a>(node: &Node, inputs: &mut [Value<'a>], machine: &mut Machine<'_>) -> Value<'a> {
    settle(inputs, 0, machine);
    settle(inputs, 1, machine);
    let (a, b) = (&inputs[0], &inputs[1]);
    let rank = node.shape.len();
    let rows = |x: &Value<'_>| eval::broadcast_index(&x.shape()[..x.shape().len() - 1], &node.shape[..rank - 1]);
    let (left, right) = (rows(a), rows(b));
    let mut out = machine.pool.take(node.elements());
    let operands = fft::Operands { a: floats(a), b: floats(b), left: &left, right: &right, size: node.shape[rank - 1] };
    fft::circular(&operands, &mut out, machine.threads);
    Value::f32(out, &node.shape)
}

fn convolve_weight<'a>(dilation: usize, node: &Node, inputs: &mut [Value<'a>], machine: &mut Machine<'_>) -> Value<'a> {
    settle(inputs, 0, machine);
    settle(inputs, 1, machine);
    let (x, dy) = (&inputs[0], &inputs[1]);
    let mut out = machine.pool.take(node.elements());
    let sizes = conv_sizes(x.shape(), dy.shape()[2], node.shape[1], dilation);
    conv::weight(floats(x), floats(dy), sizes, &mut out, machine.threads);
    Value::f32(out, &node.shape)
}

fn conv_sizes(x: &[usize], output: usize, taps: usize, dilation: usize) -> conv::Sizes {
    conv::Sizes { batch: x[0], channels: x[1], input: x[2], output, taps, dilation }
}
