//! Rules of products: matrices and depthwise convolutions.

use move37_candidate::ir::{Axis, Error, Graph, NodeId, Op};

use super::contributions::Part;
use super::rules::{Context, Parts};
use super::tools::unbroadcast;

/// `da = g b^T`, `db = a^T g`; batch axes that an operand broadcast are contracted, not summed afterwards.
pub(super) fn matmul(graph: &mut Graph, ctx: &Context<'_>) -> Result<Parts, Error> {
    let mut parts = Vec::new();
    for operand in [0, 1] {
        if ctx.needs[operand] {
            let d = operand_gradient(graph, ctx, operand)?;
            parts.push((operand, Part::Whole(d)));
        }
    }
    Ok(parts)
}

fn operand_gradient(graph: &mut Graph, ctx: &Context<'_>, operand: usize) -> Result<NodeId, Error> {
    let shape = graph.shape(ctx.input(operand)).to_vec();
    let rank = ctx.node.shape.len();
    let own = padded(&shape, rank);
    let summed: Vec<Axis> = (0..rank - 2).filter(|&i| own[i] == 1 && ctx.node.shape[i] != 1).collect();
    let kept: Vec<Axis> = (0..rank - 2).filter(|i| !summed.contains(i)).collect();
    let other = ctx.input(1 - operand);
    let d = match (operand, summed.is_empty()) {
        (0, true) => {
            let bt = transposed(graph, other)?;
            graph.matmul(ctx.g, bt)?
        }
        (0, false) => {
            let wide = padded(graph.shape(other), rank);
            let b = graph.reshape(other, &wide)?;
            let bt = transposed(graph, b)?;
            let bt = stacked(graph, bt, &kept, &summed)?;
            let gt = transposed(graph, ctx.g)?;
            let gt = stacked(graph, gt, &kept, &summed)?;
            let g = transposed(graph, gt)?;
            graph.matmul(g, bt)?
        }
        (_, true) => {
            let at = transposed(graph, other)?;
            graph.matmul(at, ctx.g)?
        }
        (_, false) => {
            let wide = padded(graph.shape(other), rank);
            let a = graph.reshape(other, &wide)?;
            let a = stacked(graph, a, &kept, &summed)?;
            let at = transposed(graph, a)?;
            let g = stacked(graph, ctx.g, &kept, &summed)?;
            graph.matmul(at, g)?
        }
    };
    graph.reshape(d, &shape)
}

/// Shape with ones put before it up to a rank.
fn padded(shape: &[usize], rank: usize) -> Vec<usize> {
    let mut wide = vec![1; rank - shape.len()];
    wide.extend(shape);
    wide
}

/// Exchange the last two axes.
fn transposed(graph: &mut Graph, x: NodeId) -> Result<NodeId, Error> {
    let rank = graph.shape(x).len();
    graph.transpose(x, rank - 2, rank - 1)
}

/// `[batch.., R, C]` to `[kept.., summed * R, C]`.
fn stacked(graph: &mut Graph, x: NodeId, kept: &[Axis], summed: &[Axis]) -> Result<NodeId, Error> {
    let rank = graph.shape(x).len();
    let perm: Vec<Axis> = kept.iter().chain(summed).copied().chain([rank - 2, rank - 1]).collect();
    let x = graph.permute(x, &perm)?;
    let shape = graph.shape(x).to_vec();
    let mut target = shape[..kept.len()].to_vec();
    target.push(shape[kept.len()..rank - 1].iter().product());
    target.push(shape[rank - 1]);
    graph.reshape(x, &target)
}

/// `dx` is the same convolution of the padded gradient with the reversed taps.
pub(super) fn conv(graph: &mut Graph, ctx: &Context<'_>, dilation: usize) -> Result<Parts, Error> {
    let (x, w) = (ctx.input(0), ctx.input(1));
    let taps = graph.shape(w)[1];
    let mut parts = Vec::new();
    if ctx.needs[0] {
        parts.push((0, Part::Whole(conv_input(graph, ctx.g, w, taps, dilation)?)));
    }
    if ctx.needs[1] {
        let dw = graph.apply(Op::DepthwiseConvWeight { dilation, taps }, &[x, ctx.g])?;
        parts.push((1, Part::Whole(dw)));
    }
    Ok(parts)
}

/// A factor's gradient is the convolution of `g` with the other factor reversed in the circle: index i goes to -i.
pub(super) fn circular(graph: &mut Graph, ctx: &Context<'_>) -> Result<Parts, Error> {
    let mut parts = Vec::new();
    for operand in (0..2).filter(|&k| ctx.needs[k]) {
        let other = ctx.input(1 - operand);
        let axis = graph.shape(other).len() - 1;
        let size = graph.shape(other)[axis];
        let first = graph.slice(other, axis, 0, 1, 1)?;
        let rest = graph.slice(other, axis, 1, size - 1, 1)?;
        let rest = graph.apply(Op::Flip(axis), &[rest])?;
        let reversed = graph.cat(&[first, rest], axis)?;
        let d = graph.apply(Op::CircularConv, &[ctx.g, reversed])?;
        let shape = graph.shape(ctx.input(operand)).to_vec();
        parts.push((operand, Part::Whole(unbroadcast(graph, d, &shape)?)));
    }
    Ok(parts)
}

/// The weight gradient is bilinear in (x, dy), so its own gradients are convolutions with `g [C, K]` as taps.
pub(super) fn conv_weight(graph: &mut Graph, ctx: &Context<'_>, dilation: usize) -> Result<Parts, Error> {
    let (x, dy) = (ctx.input(0), ctx.input(1));
    let taps = ctx.node.shape[1];
    let mut parts = Vec::new();
    if ctx.needs[0] {
        parts.push((0, Part::Whole(conv_input(graph, dy, ctx.g, taps, dilation)?)));
    }
    if ctx.needs[1] {
        let d = graph.apply(Op::DepthwiseConv { dilation }, &[x, ctx.g])?;
        parts.push((1, Part::Whole(d)));
    }
    Ok(parts)
}

fn conv_input(graph: &mut Graph, dy: NodeId, w: NodeId, taps: usize, dilation: usize) -> Result<NodeId, Error> {
    let reach = (taps - 1) * dilation;
    let padded = graph.pad(dy, 2, reach, reach, 0.0)?;
    let reversed = graph.apply(Op::Flip(1), &[w])?;
    graph.apply(Op::DepthwiseConv { dilation }, &[padded, reversed])
}
