//! Convolution along time.

use super::reduce::cast;
use super::{Args, Builtin, F, TORCH};
use crate::finding::FindingKind;
use crate::ir::{DType, NodeId, Op};
use crate::language::interp::{Eval, Interp};
use crate::language::value::Value;

pub const TABLE: &[Builtin] = &[Builtin {
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
}];

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
