//! Convolutions, norms and attention of `torch.nn.functional`.

use super::create::lower;
use super::elementwise::constant;
use super::reduce::{cast, p_norm, variance};
use super::{Args, Builtin, F, TORCH};
use crate::finding::FindingKind;
use crate::ir::{Axis, Binary, DType, NodeId, Op, Unary};
use crate::language::interp::{Eval, Interp};
use crate::language::value::Value;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "normalize",
        places: F,
        signature: "input,p?,dim?,eps?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let axis = a.dim_or(s, "dim", 1, s.graph.shape(x).len())?;
            let (p, eps) = (a.float_or(s, "p", 2.0)?, a.float_or(s, "eps", 1e-12)?);
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
            let eps = constant(s, eps)?;
            let mut unit = Vec::new();
            for z in [x, y] {
                let norm = p_norm(s, z, 2.0, &[axis])?;
                let made = s.graph.binary(Binary::Maximum, norm, eps).and_then(|n| s.graph.div(z, n));
                unit.push(s.made(made)?);
            }
            let made =
                s.graph.mul(unit[0], unit[1]).and_then(|p| s.graph.reduce(crate::ir::Reduction::Sum, p, &[axis]));
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
    Builtin {
        name: "conv1d",
        places: F | TORCH,
        signature: "input,weight,bias?,stride?,padding?,dilation?,groups?",
        run: |s, a| {
            let (x, w) = (a.float_node(s, "input")?, a.float_node(s, "weight")?);
            let bias = a.opt_node(s, "bias")?;
            let options = conv_options(s, a, s.graph.shape(w).to_vec())?;
            let node = conv1d(s, x, w, bias, options)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "glu",
        places: F,
        signature: "input,dim?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let axis = a.dim_or(s, "dim", -1, s.graph.shape(x).len())?;
            let n = s.graph.shape(x)[axis];
            if n % 2 != 0 {
                return s.raise("RuntimeError", format!("glu(): the dimension of size {n} is not even"));
            }
            let left = {
                let m = s.graph.slice(x, axis, 0, n / 2, 1);
                s.made(m)?
            };
            let right = {
                let m = s.graph.slice(x, axis, n / 2, n / 2, 1);
                s.made(m)?
            };
            let made = s.graph.unary(Unary::Sigmoid, right).and_then(|g| s.graph.mul(left, g));
            s.tensor(made)
        },
    },
    Builtin {
        name: "scaled_dot_product_attention",
        places: F,
        signature: "query,key,value,attn_mask?,dropout_p?,is_causal?,scale?,enable_gqa?",
        run: |s, a| {
            let (q, k, v) = (a.float_node(s, "query")?, a.float_node(s, "key")?, a.float_node(s, "value")?);
            if a.float_or(s, "dropout_p", 0.0)? > 0.0 {
                s.note("dropout is treated as the identity");
            }
            if a.bool_or(s, "enable_gqa", false)? {
                return s.unsupported("scaled_dot_product_attention() with enable_gqa is not supported; use repeat_interleave on key and value");
            }
            let mask = a.opt_node(s, "attn_mask")?;
            let causal = a.bool_or(s, "is_causal", false)?;
            let width = s.graph.shape(q).last().copied().unwrap_or(1);
            let scale = a.float_or(s, "scale", 1.0 / (width as f64).sqrt())?;
            let rank = s.graph.shape(k).len();
            if rank < 2 || s.graph.shape(q).len() < 2 {
                return s.raise("RuntimeError", "scaled_dot_product_attention() needs at least 2 dimensions");
            }
            let kt = {
                let m = s.graph.transpose(k, rank - 1, rank - 2);
                s.made(m)?
            };
            let scores = {
                let m = s.graph.matmul(q, kt).and_then(|y| s.graph.scale(y, scale));
                s.made(m)?
            };
            let shape = s.graph.shape(scores).to_vec();
            let low = constant(s, f64::NEG_INFINITY)?;
            let mut scores = scores;
            if causal {
                let allowed = lower(s, shape[shape.len() - 2], shape[shape.len() - 1], 0)?;
                let made = s.graph.select(allowed, scores, low);
                scores = s.made(made)?;
            }
            if let Some(mask) = mask {
                let made = match s.graph.dtype(mask) {
                    DType::Bool => s.graph.select(mask, scores, low),
                    _ => s.graph.add(scores, mask),
                };
                scores = s.made(made)?;
            }
            let axis = s.graph.shape(scores).len() - 1;
            let made = s.graph.softmax(scores, axis).and_then(|p| s.graph.matmul(p, v));
            s.tensor(made)
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

/// How a convolution moves.
#[derive(Clone, Copy)]
pub struct ConvOptions {
    pub stride: usize,
    pub before: usize,
    pub after: usize,
    pub dilation: usize,
    pub groups: usize,
}

/// Read stride, padding, dilation and groups; `weight` is the kernel's shape.
pub fn conv_options(s: &mut Interp<'_>, a: &Args, weight: Vec<usize>) -> Eval<ConvOptions> {
    let one = |s: &mut Interp<'_>, name: &str, default: i64| -> Eval<usize> {
        let value = match a.opt(name) {
            Some(_) => *a.ints(s, name)?.first().unwrap_or(&default),
            None => default,
        };
        a.size_of(s, value)
    };
    let (stride, dilation, groups) = (one(s, "stride", 1)?, one(s, "dilation", 1)?, one(s, "groups", 1)?);
    let reach = weight.last().copied().unwrap_or(1).saturating_sub(1).saturating_mul(dilation);
    let (before, after) = match a.opt("padding") {
        Some(Value::Str(mode)) if &**mode == "same" => (reach / 2, reach - reach / 2),
        Some(Value::Str(mode)) if &**mode == "valid" => (0, 0),
        Some(Value::Str(mode)) => return s.value_error(format!("padding '{mode}': 'valid' or 'same'")),
        _ => {
            let n = one(s, "padding", 0)?;
            (n, n)
        }
    };
    if stride == 0 || dilation == 0 || groups == 0 {
        return s.raise("RuntimeError", "stride, dilation and groups must be positive");
    }
    Ok(ConvOptions { stride, before, after, dilation, groups })
}

/// `x [B, C, T]` (or `[C, T]`), `w [O, C/groups, K]`: cross-correlation as in PyTorch.
pub fn conv1d(s: &mut Interp<'_>, x: NodeId, w: NodeId, bias: Option<NodeId>, o: ConvOptions) -> Eval<NodeId> {
    let shape = s.graph.shape(x).to_vec();
    if shape.len() == 2 {
        let made = s.graph.reshape(x, &[1, shape[0], shape[1]]);
        let x = s.made(made)?;
        let y = conv1d(s, x, w, bias, o)?;
        let inner = s.graph.shape(y)[1..].to_vec();
        let made = s.graph.reshape(y, &inner);
        return s.made(made);
    }
    let weight = s.graph.shape(w).to_vec();
    let ([_, channels, _], [out, per, taps]) = (&shape[..], &weight[..]) else {
        let message = format!("conv1d(): input {shape:?} must be [B, C, T] and weight {weight:?} [O, C/groups, K]");
        return Err(s.fault(FindingKind::Shape, message).into());
    };
    let (channels, out, per, taps) = (*channels, *out, *per, *taps);
    if per * o.groups != channels || out % o.groups != 0 {
        let message = format!("conv1d(): {channels} channels, weight {weight:?} and groups={} do not fit", o.groups);
        return Err(s.fault(FindingKind::Shape, message).into());
    }
    let x = {
        let m = s.graph.pad(x, 2, o.before, o.after, 0.0);
        s.made(m)?
    };
    let length = s.graph.shape(x)[2];
    let reach = taps.saturating_sub(1).saturating_mul(o.dilation);
    if taps == 0 || reach >= length {
        let message = format!("conv1d(): a kernel that reaches {} steps on {length}", reach + 1);
        return Err(s.fault(FindingKind::Shape, message).into());
    }
    let steps = length - reach;
    let mut y = if per == 1 && out % channels == 0 {
        // Depthwise; several outputs per channel repeat the channel.
        let many = out / channels;
        let x = match many {
            1 => x,
            _ => {
                let (b, t) = (shape[0], length);
                let made = s
                    .graph
                    .reshape(x, &[b, channels, 1, t])
                    .and_then(|x| s.graph.expand(x, &[b, channels, many, t]))
                    .and_then(|x| s.graph.reshape(x, &[b, out, t]));
                s.made(made)?
            }
        };
        let kernel = {
            let m = s.graph.reshape(w, &[out, taps]);
            s.made(m)?
        };
        let made = s.graph.apply(Op::DepthwiseConv { dilation: o.dilation }, &[x, kernel]);
        s.made(made)?
    } else {
        // One matrix product per group over the taps laid side by side: [B, K*C', T'].
        let mut groups = Vec::new();
        for g in 0..o.groups {
            let xg = {
                let m = s.graph.slice(x, 1, g * per, per, 1);
                s.made(m)?
            };
            let mut shifted = Vec::new();
            for k in 0..taps {
                let made = s.graph.slice(xg, 2, k * o.dilation, steps, 1);
                shifted.push(s.made(made)?);
            }
            let columns = {
                let m = s.graph.cat(&shifted, 1);
                s.made(m)?
            };
            let og = out / o.groups;
            let made = s
                .graph
                .slice(w, 0, g * og, og, 1)
                .and_then(|w| s.graph.permute(w, &[0, 2, 1]))
                .and_then(|w| s.graph.reshape(w, &[og, taps * per]))
                .and_then(|w| s.graph.matmul(w, columns));
            groups.push(s.made(made)?);
        }
        let made = s.graph.cat(&groups, 1);
        s.made(made)?
    };
    if o.stride > 1 {
        let made = s.graph.slice(y, 2, 0, steps.div_ceil(o.stride), o.stride);
        y = s.made(made)?;
    }
    match bias {
        Some(bias) => {
            let bias = cast(s, bias, DType::F32)?;
            let made = s.graph.reshape(bias, &[out, 1]).and_then(|b| s.graph.add(y, b));
            s.made(made)
        }
        None => Ok(y),
    }
}
