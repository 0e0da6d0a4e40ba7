//! One rule per operation: what candle computes for it.

use candle_core::{DType as CandleDType, Device, Result, Tensor};
use move37_candidate::ir::{Axis, DType, Graph, NodeId, Op, Reduction};

use super::{elementwise, host};
use crate::Error;
use crate::exec::Worker;

/// What rules may use.
pub(super) struct Machine<'m> {
    pub(super) device: &'m Device,
    /// Whether products of matrices take bfloat16.
    pub(super) half: bool,
    pub(super) worker: &'m Worker,
}

/// The value of a node from its operands.
pub(super) fn compute(
    graph: &Graph,
    id: NodeId,
    inputs: &[Tensor],
    machine: &Machine<'_>,
) -> std::result::Result<Tensor, Error> {
    match by_candle(graph, id, inputs, machine)? {
        Some(tensor) => Ok(tensor),
        None => Ok(host::compute(graph, id, inputs, machine.worker)?.to_device(machine.device)?),
    }
}

/// None where candle has no such operation, or not with our meaning.
fn by_candle(graph: &Graph, id: NodeId, inputs: &[Tensor], machine: &Machine<'_>) -> Result<Option<Tensor>> {
    let node = graph.node(id);
    let shape = node.shape.as_slice();
    let x = inputs.first();
    let Some(x) = x else { return Ok(None) };
    if shape.contains(&0) || inputs.iter().any(|input| input.elem_count() == 0) {
        return Ok(None);
    }
    Ok(Some(match &node.op {
        Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Where | Op::Cast => {
            return elementwise::compute(node, inputs);
        }
        Op::Matmul => matmul(x, &inputs[1], shape, machine.half)?,
        Op::Reduce { kind: Reduction::Sum, axes } if node.dtype == DType::F32 => x.sum_keepdim(axes.as_slice())?,
        Op::Reduce { kind: Reduction::Max, axes } if node.dtype == DType::F32 => {
            axes.iter().try_fold(x.clone(), |x, axis| x.max_keepdim(*axis))?
        }
        Op::Reduce { kind: Reduction::Min, axes } if node.dtype == DType::F32 => {
            axes.iter().try_fold(x.clone(), |x, axis| x.min_keepdim(*axis))?
        }
        Op::Softmax(axis) => {
            let e = x.broadcast_sub(&x.max_keepdim(*axis)?)?.exp()?;
            e.broadcast_div(&e.sum_keepdim(*axis)?)?
        }
        Op::LogSoftmax(axis) => {
            let y = x.broadcast_sub(&x.max_keepdim(*axis)?)?;
            y.broadcast_sub(&y.exp()?.sum_keepdim(*axis)?.log()?)?
        }
        Op::CumSum(axis) if node.dtype == DType::F32 => running_sum(x, *axis)?,
        Op::Reshape => x.contiguous()?.reshape(shape)?,
        Op::Permute(axes) => x.permute(axes.as_slice())?,
        Op::Expand => x.broadcast_as(shape)?,
        Op::Slice { axis, start, step: 1 } => x.narrow(*axis, *start, shape[*axis])?,
        Op::Slice { axis, start, step } => {
            let places = (0..shape[*axis]).map(|i| (start + i * step) as i64).collect();
            select(x, *axis, places)?
        }
        Op::Flip(axis) => select(x, *axis, (0..shape[*axis] as i64).rev().collect())?,
        Op::SliceScatter { axis, start, step: 1 } => between(x, &inputs[1], *axis, *start)?,
        Op::Cat(axis) => {
            let parts = inputs.iter().map(Tensor::contiguous).collect::<Result<Vec<_>>>()?;
            Tensor::cat(&parts, *axis)?
        }
        Op::Pad { axis, before, after, value } => pad(x, *axis, (*before, *after), value.0)?,
        Op::Gather(axis) if fits(x.dims(), inputs[1].dims(), *axis) => {
            x.contiguous()?.gather(&inputs[1].contiguous()?, *axis)?
        }
        Op::IndexSelect(axis) => x.contiguous()?.index_select(&inputs[1].contiguous()?, *axis)?,
        // Candle asks for equal sizes on the other axes, too.
        Op::ScatterAdd(axis) if fits(x.dims(), inputs[2].dims(), *axis) && inputs[1].dims() == inputs[2].dims() => {
            x.contiguous()?.scatter_add(&inputs[1].contiguous()?, &inputs[2].contiguous()?, *axis)?
        }
        Op::IndexAdd(axis) => x.contiguous()?.index_add(&inputs[1].contiguous()?, &inputs[2].contiguous()?, *axis)?,
        Op::DepthwiseConv { dilation } => convolve(x, &inputs[1], *dilation, shape[2])?,
        Op::DepthwiseConvWeight { dilation, taps } => convolve_weight(x, &inputs[1], *dilation, *taps)?,
        Op::Input(_) | Op::Param(_) | Op::Full(_) | Op::Arange { .. } | Op::Literal(_) | Op::Random { .. } => {
            return Ok(None);
        }
        Op::Reduce { .. } | Op::CumSum(_) | Op::CumProd(_) | Op::ArgMax(_) | Op::ArgSort { .. } => return Ok(None),
        Op::SliceScatter { .. } | Op::Gather(_) | Op::ScatterAdd(_) | Op::CircularConv => return Ok(None),
    }))
}

/// Whether two shapes are equal but for an axis.
fn fits(a: &[usize], b: &[usize], axis: Axis) -> bool {
    a.len() == b.len() && a.iter().zip(b).enumerate().all(|(i, (m, n))| i == axis || m == n)
}

/// `a [.., M, K] @ b [.., K, N]` with all batch dimensions in one, which is the only form that every device takes.
fn matmul(a: &Tensor, b: &Tensor, shape: &[usize], half: bool) -> Result<Tensor> {
    let rank = shape.len();
    let (batch, rows, columns) = (&shape[..rank - 2], shape[rank - 2], shape[rank - 1]);
    let inner = a.dim(a.rank() - 1)?;
    let shared = b.rank() == 2 || b.dims()[..b.rank() - 2].iter().all(|n| *n == 1);
    let size: usize = batch.iter().product();
    let stretched = |x: &Tensor, last: [usize; 2]| -> Result<Tensor> {
        x.broadcast_as([batch, &last].concat())?.contiguous()?.reshape((size, last[0], last[1]))
    };
    let (a, b) = match shared && a.dims()[..a.rank() - 2] == *batch {
        // One matrix on the right: all rows in one product.
        true => (a.contiguous()?.reshape((1, size * rows, inner))?, b.contiguous()?.reshape((1, inner, columns))?),
        false => (stretched(a, [rows, inner])?, stretched(b, [inner, columns])?),
    };
    let product = match half {
        true => a.to_dtype(CandleDType::BF16)?.matmul(&b.to_dtype(CandleDType::BF16)?)?.to_dtype(CandleDType::F32)?,
        false => a.matmul(&b)?,
    };
    product.reshape(shape)
}

/// Inclusive running sum, by doubling: log2 of the length passes.
fn running_sum(x: &Tensor, axis: Axis) -> Result<Tensor> {
    let (mut sum, length) = (x.contiguous()?, x.dim(axis)?);
    let mut shift = 1;
    while shift < length {
        let earlier = sum.narrow(axis, 0, length - shift)?;
        sum = (&sum + pad(&earlier, axis, (shift, 0), 0.0)?)?;
        shift *= 2;
    }
    Ok(sum)
}

fn select(x: &Tensor, axis: Axis, places: Vec<i64>) -> Result<Tensor> {
    let places = Tensor::new(places, x.device())?;
    x.contiguous()?.index_select(&places, axis)
}

fn pad(x: &Tensor, axis: Axis, (before, after): (usize, usize), value: f64) -> Result<Tensor> {
    let border = |n: usize| -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        shape[axis] = n;
        Tensor::full(value, shape, x.device())?.to_dtype(x.dtype())
    };
    let mut parts = Vec::with_capacity(3);
    if before > 0 {
        parts.push(border(before)?);
    }
    parts.push(x.contiguous()?);
    if after > 0 {
        parts.push(border(after)?);
    }
    Tensor::cat(&parts, axis)
}

/// The base with a value in place of as many elements of an axis.
fn between(base: &Tensor, value: &Tensor, axis: Axis, start: usize) -> Result<Tensor> {
    let (length, end) = (base.dim(axis)?, start + value.dim(axis)?);
    let mut parts = Vec::with_capacity(3);
    if start > 0 {
        parts.push(base.narrow(axis, 0, start)?.contiguous()?);
    }
    parts.push(value.contiguous()?);
    if end < length {
        parts.push(base.narrow(axis, end, length - end)?.contiguous()?);
    }
    Tensor::cat(&parts, axis)
}

/// `y[b,c,t] = sum_k w[c,k] * x[b,c,t + k*dilation]`, tap by tap.
fn convolve(x: &Tensor, w: &Tensor, dilation: usize, length: usize) -> Result<Tensor> {
    let tap = |k: usize| -> Result<Tensor> {
        let weight = w.narrow(1, k, 1)?.unsqueeze(0)?;
        x.narrow(2, k * dilation, length)?.broadcast_mul(&weight)
    };
    (1..w.dim(1)?).try_fold(tap(0)?, |sum, k| sum + tap(k)?)
}

/// `dw[c,k] = sum_bt dy[b,c,t] * x[b,c,t + k*dilation]`.
fn convolve_weight(x: &Tensor, dy: &Tensor, dilation: usize, taps: usize) -> Result<Tensor> {
    let length = dy.dim(2)?;
    let tap = |k: usize| (x.narrow(2, k * dilation, length)? * dy)?.sum((0, 2));
    Tensor::stack(&(0..taps).map(tap).collect::<Result<Vec<_>>>()?, 1)
}
