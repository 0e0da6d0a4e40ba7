//! Normalisations.

use super::elementwise::constant;
use super::reduce::{p_norm, variance};
use super::{Args, Builtin, F, TORCH};
use crate::finding::FindingKind;
use crate::ir::{Axis, Binary, NodeId, Unary};
use crate::language::interp::{Eval, Interp};

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "normalize",
        places: F,
        signature: "input,p?,dim?,eps?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let axis = a.dim_or(s, "dim", 1, s.graph.shape(x).len())?;
            let (p, eps) = (a.float_or(s, "p", 2.0)?, a.float_or(s, "eps", 1e-12)?);
            if p == 2.0 {
                let node = unit(s, x, axis, eps)?;
                return s.tensor(Ok(node));
            }
            let norm = p_norm(s, x, p, &[axis])?;
            let eps = constant(s, eps)?;
            let made = s.graph.binary(Binary::Maximum, norm, eps).and_then(|n| s.graph.div(x, n));
            s.tensor(made)
        },
    },
    Builtin {
        name: "cosine_similarity",
        places: F | TORCH,
        signature: "x1,x2,dim?,eps?",
        run: |s, a| {
            let (x, y) = (a.float_node(s, "x1")?, a.float_node(s, "x2")?);
            let axis = a.dim_or(s, "dim", 1, s.graph.shape(x).len())?;
            let eps = a.float_or(s, "eps", 1e-8)?;
            let units = [unit(s, x, axis, eps)?, unit(s, y, axis, eps)?];
            let made =
                s.graph.mul(units[0], units[1]).and_then(|p| s.graph.reduce(crate::ir::Reduction::Sum, p, &[axis]));
            let node = s.made(made)?;
            let mut shape = s.graph.shape(node).to_vec();
            shape.remove(axis);
            let made = s.graph.reshape(node, &shape);
            s.tensor(made)
        },
    },
    Builtin {
        name: "layer_norm",
        places: F,
        signature: "input,normalized_shape,weight?,bias?,eps?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let axes = trailing(s, a, x)?;
            let (weight, bias) = (a.opt_node(s, "weight")?, a.opt_node(s, "bias")?);
            let eps = a.float_or(s, "eps", 1e-5)?;
            let node = layer_norm(s, x, &axes, weight, bias, eps)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "rms_norm",
        places: F | TORCH,
        signature: "input,normalized_shape,weight?,eps?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let axes = trailing(s, a, x)?;
            let weight = a.opt_node(s, "weight")?;
            let eps = a.float_or(s, "eps", f64::from(f32::EPSILON))?;
            let node = rms_norm(s, x, &axes, weight, eps)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "group_norm",
        places: F,
        signature: "input,num_groups,weight?,bias?,eps?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let groups = a.size(s, "num_groups")?;
            let (weight, bias) = (a.opt_node(s, "weight")?, a.opt_node(s, "bias")?);
            let eps = a.float_or(s, "eps", 1e-5)?;
            let node = group_norm(s, x, groups, weight, bias, eps)?;
            s.tensor(Ok(node))
        },
    },
];

fn trailing(s: &mut Interp<'_>, a: &Args, x: NodeId) -> Eval<Vec<Axis>> {
    let sizes = a.ints(s, "normalized_shape")?;
    let shape = s.graph.shape(x).to_vec();
    trailing_axes(s, &shape, &sizes)
}

/// The last axes, which must have these sizes.
pub fn trailing_axes(s: &mut Interp<'_>, shape: &[usize], sizes: &[i64]) -> Eval<Vec<Axis>> {
    let start = shape.len().checked_sub(sizes.len());
    match start {
        Some(start) if shape[start..].iter().zip(sizes).all(|(&d, &n)| d as i64 == n) => {
            Ok((start..shape.len()).collect())
        }
        _ => {
            let message = format!("the norm expects trailing dimensions {sizes:?}, the input is {shape:?}");
            Err(s.fault(FindingKind::Shape, message).into())
        }
    }
}

/// `(x - mean) / sqrt(var + eps) * weight + bias` over axes.
pub fn layer_norm(
    s: &mut Interp<'_>,
    x: NodeId,
    axes: &[Axis],
    weight: Option<NodeId>,
    bias: Option<NodeId>,
    eps: f64,
) -> Eval<NodeId> {
    let mean = {
        let m = s.graph.mean(x, axes);
        s.made(m)?
    };
    let var = variance(s, x, axes, 0.0)?;
    let eps = constant(s, eps)?;
    let scale = {
        let m = s.graph.add(var, eps).and_then(|v| s.graph.unary(Unary::Rsqrt, v));
        s.made(m)?
    };
    let mut y = {
        let m = s.graph.sub(x, mean).and_then(|c| s.graph.mul(c, scale));
        s.made(m)?
    };
    if let Some(weight) = weight {
        let made = s.graph.mul(y, weight);
        y = s.made(made)?;
    }
    if let Some(bias) = bias {
        let made = s.graph.add(y, bias);
        y = s.made(made)?;
    }
    Ok(y)
}

/// `x / sqrt(mean(x^2) + eps) * weight` over axes.
pub fn rms_norm(s: &mut Interp<'_>, x: NodeId, axes: &[Axis], weight: Option<NodeId>, eps: f64) -> Eval<NodeId> {
    let eps = constant(s, eps)?;
    let square = {
        let m = s.graph.mul(x, x);
        s.made(m)?
    };
    let scale = {
        let m =
            s.graph.mean(square, axes).and_then(|v| s.graph.add(v, eps)).and_then(|v| s.graph.unary(Unary::Rsqrt, v));
        s.made(m)?
    };
    let y = {
        let m = s.graph.mul(x, scale);
        s.made(m)?
    };
    match weight {
        Some(weight) => {
            let made = s.graph.mul(y, weight);
            s.made(made)
        }
        None => Ok(y),
    }
}

/// Normalise groups of channels of `[B, C, ..]`.
pub fn group_norm(
    s: &mut Interp<'_>,
    x: NodeId,
    groups: usize,
    weight: Option<NodeId>,
    bias: Option<NodeId>,
    eps: f64,
) -> Eval<NodeId> {
    let shape = s.graph.shape(x).to_vec();
    if shape.len() < 2 || groups == 0 || !shape[1].is_multiple_of(groups) {
        let message = format!("group_norm(): {groups} groups do not divide the channels of {shape:?}");
        return Err(s.fault(FindingKind::Shape, message).into());
    }
    let rest: usize = shape[1..].iter().product();
    let grouped = {
        let m = s.graph.reshape(x, &[shape[0], groups, rest / groups]);
        s.made(m)?
    };
    let y = layer_norm(s, grouped, &[2], None, None, eps)?;
    let mut y = {
        let m = s.graph.reshape(y, &shape);
        s.made(m)?
    };
    let mut wide = vec![1; shape.len()];
    wide[1] = shape[1];
    if let Some(weight) = weight {
        let made = s.graph.reshape(weight, &wide).and_then(|w| s.graph.mul(y, w));
        y = s.made(made)?;
    }
    if let Some(bias) = bias {
        let made = s.graph.reshape(bias, &wide).and_then(|b| s.graph.add(y, b));
        y = s.made(made)?;
    }
    Ok(y)
}

/// `x / max(|x|, eps)`, as `x / sqrt(max(|x|^2, eps^2))`: at zero its gradient is finite, as PyTorch's is.
fn unit(s: &mut Interp<'_>, x: NodeId, axis: Axis, eps: f64) -> Eval<NodeId> {
    let least = constant(s, eps * eps)?;
    let made = s.graph.mul(x, x).and_then(|square| {
        let sum = s.graph.reduce(crate::ir::Reduction::Sum, square, &[axis])?;
        let kept = s.graph.binary(Binary::Maximum, sum, least)?;
        let norm = s.graph.unary(crate::ir::Unary::Sqrt, kept)?;
        s.graph.div(x, norm)
    });
    s.made(made)
}
