//! Rules of operations that move elements: views, windows, concatenation, indexing.

use move37_candidate::ir::{Axis, Error, Graph, Op};

use super::contributions::Part;
use super::rules::{Context, Parts};
use super::tools::{unbroadcast, zeros};

/// Reshape, permute, expand, flip, pad: one operand, one inverse.
pub(super) fn reshaping(graph: &mut Graph, ctx: &Context<'_>) -> Result<Parts, Error> {
    let shape = graph.shape(ctx.input(0)).to_vec();
    let d = match &ctx.node.op {
        Op::Permute(perm) => {
            let mut inverse = vec![0; perm.len()];
            for (i, &p) in perm.iter().enumerate() {
                inverse[p] = i;
            }
            graph.permute(ctx.g, &inverse)?
        }
        Op::Expand => unbroadcast(graph, ctx.g, &shape)?,
        Op::Flip(axis) => graph.apply(Op::Flip(*axis), &[ctx.g])?,
        Op::Pad { axis, before, .. } => graph.slice(ctx.g, *axis, *before, shape[*axis], 1)?,
        _ => graph.reshape(ctx.g, &shape)?,
    };
    Ok(vec![(0, Part::Whole(d))])
}

/// A window of its operand; strided windows are written into zeros.
pub(super) fn slice(
    graph: &mut Graph,
    ctx: &Context<'_>,
    axis: Axis,
    start: usize,
    step: usize,
) -> Result<Parts, Error> {
    if step == 1 || ctx.node.shape[axis] <= 1 {
        return Ok(vec![(0, Part::Window { axis, start, value: ctx.g })]);
    }
    let shape = graph.shape(ctx.input(0)).to_vec();
    let base = zeros(graph, &shape)?;
    let d = graph.slice_scatter(base, ctx.g, axis, start, step)?;
    Ok(vec![(0, Part::Whole(d))])
}

/// The base receives all but the window, the value receives the window.
pub(super) fn slice_scatter(
    graph: &mut Graph,
    ctx: &Context<'_>,
    axis: Axis,
    start: usize,
    step: usize,
) -> Result<Parts, Error> {
    let shape = graph.shape(ctx.input(1)).to_vec();
    let mut parts = Vec::new();
    if ctx.needs[0] {
        let hole = zeros(graph, &shape)?;
        parts.push((0, Part::Whole(graph.slice_scatter(ctx.g, hole, axis, start, step)?)));
    }
    if ctx.needs[1] {
        parts.push((1, Part::Whole(graph.slice(ctx.g, axis, start, shape[axis], step)?)));
    }
    Ok(parts)
}

/// Each operand receives its window.
pub(super) fn cat(graph: &mut Graph, ctx: &Context<'_>, axis: Axis) -> Result<Parts, Error> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (i, &x) in ctx.node.inputs.iter().enumerate() {
        let len = graph.shape(x)[axis];
        if ctx.needs[i] {
            parts.push((i, Part::Whole(graph.slice(ctx.g, axis, start, len, 1)?)));
        }
        start += len;
    }
    Ok(parts)
}

pub(super) fn gather(graph: &mut Graph, ctx: &Context<'_>, axis: Axis) -> Result<Parts, Error> {
    let shape = graph.shape(ctx.input(0)).to_vec();
    let base = zeros(graph, &shape)?;
    let d = graph.apply(Op::ScatterAdd(axis), &[base, ctx.input(1), ctx.g])?;
    Ok(vec![(0, Part::Whole(d))])
}

pub(super) fn index_select(graph: &mut Graph, ctx: &Context<'_>, axis: Axis) -> Result<Parts, Error> {
    let shape = graph.shape(ctx.input(0)).to_vec();
    let base = zeros(graph, &shape)?;
    let d = graph.apply(Op::IndexAdd(axis), &[base, ctx.input(1), ctx.g])?;
    Ok(vec![(0, Part::Whole(d))])
}

pub(super) fn scatter_add(graph: &mut Graph, ctx: &Context<'_>, axis: Axis) -> Result<Parts, Error> {
    additions(graph, ctx, Op::Gather(axis))
}

pub(super) fn index_add(graph: &mut Graph, ctx: &Context<'_>, axis: Axis) -> Result<Parts, Error> {
    additions(graph, ctx, Op::IndexSelect(axis))
}

/// `base + scatter(src)`: the base receives all, the source reads at its indices.
fn additions(graph: &mut Graph, ctx: &Context<'_>, read: Op) -> Result<Parts, Error> {
    let mut parts = Vec::new();
    if ctx.needs[0] {
        parts.push((0, Part::Whole(ctx.g)));
    }
    if ctx.needs[2] {
        parts.push((2, Part::Whole(graph.apply(read, &[ctx.g, ctx.input(1)])?)));
    }
    Ok(parts)
}
