//! Rules of reductions, softmax and running sums and products.

use move37_candidate::ir::{Axis, Compare, DType, Error, Graph, NodeId, Op, Reduction};

use super::contributions::Part;
use super::rules::{Context, Parts};
use super::tools::expand;

fn only(d: NodeId) -> Result<Parts, Error> {
    Ok(vec![(0, Part::Whole(d))])
}

pub(super) fn reduce(graph: &mut Graph, ctx: &Context<'_>, kind: Reduction, axes: &[Axis]) -> Result<Parts, Error> {
    let x = ctx.input(0);
    let shape = graph.shape(x).to_vec();
    match kind {
        Reduction::Sum => only(expand(graph, ctx.g, &shape)?),
        Reduction::Max | Reduction::Min => {
            let best = graph.compare(Compare::Eq, x, ctx.y)?;
            let best = graph.cast(best, DType::F32)?;
            let count = graph.reduce(Reduction::Sum, best, axes)?;
            let share = graph.div(ctx.g, count)?;
            only(graph.mul(best, share)?)
        }
        Reduction::Prod => {
            let others = product_of_others(graph, x, axes)?;
            only(graph.mul(others, ctx.g)?)
        }
    }
}

/// For each element the product of the other ones reduced with it: products before it times products after it, so a
/// zero is no obstacle.
fn product_of_others(graph: &mut Graph, x: NodeId, axes: &[Axis]) -> Result<NodeId, Error> {
    let shape = graph.shape(x).to_vec();
    let perm: Vec<Axis> = (0..shape.len()).filter(|i| !axes.contains(i)).chain(axes.iter().copied()).collect();
    let moved = graph.permute(x, &perm)?;
    let moved_shape = graph.shape(moved).to_vec();
    let kept: usize = moved_shape[..shape.len() - axes.len()].iter().product();
    let reduced: usize = moved_shape[shape.len() - axes.len()..].iter().product();
    let flat = graph.reshape(moved, &[kept, reduced])?;
    let before = exclusive_product(graph, flat, 1)?;
    let reversed = graph.apply(Op::Flip(1), &[flat])?;
    let after = exclusive_product(graph, reversed, 1)?;
    let after = graph.apply(Op::Flip(1), &[after])?;
    let others = graph.mul(before, after)?;
    let others = graph.reshape(others, &moved_shape)?;
    let mut inverse = vec![0; perm.len()];
    for (i, &p) in perm.iter().enumerate() {
        inverse[p] = i;
    }
    graph.permute(others, &inverse)
}

/// Running product of the elements before each one.
fn exclusive_product(graph: &mut Graph, x: NodeId, axis: Axis) -> Result<NodeId, Error> {
    let size = graph.shape(x)[axis];
    let head = graph.slice(x, axis, 0, size.saturating_sub(1), 1)?;
    let products = graph.apply(Op::CumProd(axis), &[head])?;
    match size {
        0 => Ok(products),
        _ => graph.pad(products, axis, 1, 0, 1.0),
    }
}

/// `dx = y (g - sum(g y))`
pub(super) fn softmax(graph: &mut Graph, ctx: &Context<'_>, axis: Axis) -> Result<Parts, Error> {
    let weighted = graph.mul(ctx.g, ctx.y)?;
    let mean = graph.reduce(Reduction::Sum, weighted, &[axis])?;
    let centred = graph.sub(ctx.g, mean)?;
    only(graph.mul(centred, ctx.y)?)
}

/// `dx = g - exp(y) sum(g)`
pub(super) fn log_softmax(graph: &mut Graph, ctx: &Context<'_>, axis: Axis) -> Result<Parts, Error> {
    let total = graph.reduce(Reduction::Sum, ctx.g, &[axis])?;
    let p = graph.unary(move37_candidate::ir::Unary::Exp, ctx.y)?;
    let part = graph.mul(p, total)?;
    only(graph.sub(ctx.g, part)?)
}

/// `dx_j = sum_{i >= j} g_i`
pub(super) fn cumsum(graph: &mut Graph, ctx: &Context<'_>, axis: Axis) -> Result<Parts, Error> {
    let reversed = graph.apply(Op::Flip(axis), &[ctx.g])?;
    let sums = graph.apply(Op::CumSum(axis), &[reversed])?;
    only(graph.apply(Op::Flip(axis), &[sums])?)
}

/// `dx_j = (prod_{k<j} x_k) c_j` with `c_j = g_j + x_{j+1} c_{j+1}`, exact at zeros too.
///
/// The recurrence is solved by doubling: after step s, `c_j` holds the terms of `j .. j + 2s`, `a_j` the product of
/// the `2s` coefficients after j.
pub(super) fn cumprod(graph: &mut Graph, ctx: &Context<'_>, axis: Axis) -> Result<Parts, Error> {
    let x = ctx.input(0);
    let size = graph.shape(x)[axis];
    if size == 0 {
        return only(ctx.g);
    }
    let before = exclusive_product(graph, x, axis)?;
    let mut c = ctx.g;
    let mut a = shifted(graph, x, axis, 1)?;
    let mut reach = 1;
    while reach < size {
        let later = shifted(graph, c, axis, reach)?;
        let added = graph.mul(a, later)?;
        c = graph.add(c, added)?;
        let further = shifted(graph, a, axis, reach)?;
        a = graph.mul(a, further)?;
        reach *= 2;
    }
    only(graph.mul(before, c)?)
}

/// Element `j + by` in the place of j, zero past the end.
fn shifted(graph: &mut Graph, x: NodeId, axis: Axis, by: usize) -> Result<NodeId, Error> {
    let size = graph.shape(x)[axis];
    let tail = graph.slice(x, axis, by, size - by, 1)?;
    graph.pad(tail, axis, 0, by, 0.0)
}
