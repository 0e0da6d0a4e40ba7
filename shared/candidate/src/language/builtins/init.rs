//! `torch.nn.init` and the in-place fills of tensors, as expressions over random leaves.

use std::rc::Rc;

use super::elementwise::constant;
use super::patterns::random;
use super::{Args, Builtin, INIT, METHOD};
use crate::ir::{Binary, Compare, DType, Distribution, NodeId, Unary};
use crate::language::interp::{Eval, Interp};
use crate::language::tensor::Tensor;
use crate::language::value::Value;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "uniform_",
        places: INIT,
        signature: "tensor,a?,b?,generator?",
        run: |s, a| {
            let (low, high) = (a.float_or(s, "a", 0.0)?, a.float_or(s, "b", 1.0)?);
            fill(s, a, "tensor", |s, dims| uniform(s, dims, low, high))
        },
    },
    Builtin {
        name: "uniform_",
        places: METHOD,
        signature: "self,from?,to?",
        run: |s, a| {
            let (low, high) = (a.float_or(s, "from", 0.0)?, a.float_or(s, "to", 1.0)?);
            fill(s, a, "self", |s, dims| uniform(s, dims, low, high))
        },
    },
    Builtin {
        name: "normal_",
        places: INIT,
        signature: "tensor,mean?,std?,generator?",
        run: |s, a| {
            let (mean, std) = (a.float_or(s, "mean", 0.0)?, a.float_or(s, "std", 1.0)?);
            fill(s, a, "tensor", |s, dims| normal(s, dims, mean, std))
        },
    },
    Builtin {
        name: "normal_",
        places: METHOD,
        signature: "self,mean?,std?",
        run: |s, a| {
            let (mean, std) = (a.float_or(s, "mean", 0.0)?, a.float_or(s, "std", 1.0)?);
            fill(s, a, "self", |s, dims| normal(s, dims, mean, std))
        },
    },
    Builtin {
        name: "trunc_normal_",
        places: INIT,
        signature: "tensor,mean?,std?,a?,b?,generator?",
        run: |s, a| {
            let (mean, std) = (a.float_or(s, "mean", 0.0)?, a.float_or(s, "std", 1.0)?);
            let (low, high) = (a.float_or(s, "a", -2.0)?, a.float_or(s, "b", 2.0)?);
            fill(s, a, "tensor", |s, dims| truncated(s, dims, mean, std, low, high))
        },
    },
    Builtin {
        name: "constant_",
        places: INIT,
        signature: "tensor,val",
        run: |s, a| {
            let value = a.float(s, "val")?;
            fill(s, a, "tensor", |s, dims| full(s, dims, value))
        },
    },
    Builtin {
        name: "ones_",
        places: INIT,
        signature: "tensor",
        run: |s, a| fill(s, a, "tensor", |s, dims| full(s, dims, 1.0)),
    },
    Builtin {
        name: "zeros_",
        places: INIT,
        signature: "tensor",
        run: |s, a| fill(s, a, "tensor", |s, dims| full(s, dims, 0.0)),
    },
    Builtin {
        name: "fill_",
        places: METHOD,
        signature: "self,value",
        run: |s, a| {
            let x = a.tensor(s, "self")?;
            s.write_value(&x, a.value("value"))?;
            Ok(Value::Tensor(x))
        },
    },
    Builtin {
        name: "zero_",
        places: METHOD,
        signature: "self",
        run: |s, a| {
            let x = a.tensor(s, "self")?;
            s.write_value(&x, &Value::Int(0))?;
            Ok(Value::Tensor(x))
        },
    },
    Builtin {
        name: "eye_",
        places: INIT,
        signature: "tensor",
        run: |s, a| {
            fill(s, a, "tensor", |s, dims| {
                let [n, m] = dims[..] else { return s.value_error("eye_() needs a tensor of 2 dimensions") };
                let node = super::patterns::band(s, n, m, 0)?;
                super::reduce::cast(s, node, DType::F32)
            })
        },
    },
    Builtin {
        name: "dirac_",
        places: INIT,
        signature: "tensor,groups?",
        run: |s, a| {
            let groups = a.size_or(s, "groups", 1)?;
            fill(s, a, "tensor", |s, dims| dirac(s, dims, groups))
        },
    },
    Builtin {
        name: "xavier_uniform_",
        places: INIT,
        signature: "tensor,gain?,generator?",
        run: |s, a| {
            let gain = a.float_or(s, "gain", 1.0)?;
            fill(s, a, "tensor", |s, dims| {
                let (fan_in, fan_out) = fans(s, dims)?;
                let bound = gain * (6.0 / (fan_in + fan_out)).sqrt();
                uniform(s, dims, -bound, bound)
            })
        },
    },
    Builtin {
        name: "xavier_normal_",
        places: INIT,
        signature: "tensor,gain?,generator?",
        run: |s, a| {
            let gain = a.float_or(s, "gain", 1.0)?;
            fill(s, a, "tensor", |s, dims| {
                let (fan_in, fan_out) = fans(s, dims)?;
                normal(s, dims, 0.0, gain * (2.0 / (fan_in + fan_out)).sqrt())
            })
        },
    },
    Builtin {
        name: "kaiming_uniform_",
        places: INIT,
        signature: "tensor,a?,mode?,nonlinearity?,generator?",
        run: |s, a| {
            let gain = kaiming_gain(s, a)?;
            let out = &*a.string_or(s, "mode", "fan_in")? == "fan_out";
            fill(s, a, "tensor", |s, dims| {
                let (fan_in, fan_out) = fans(s, dims)?;
                let bound = 3f64.sqrt() * gain / (if out { fan_out } else { fan_in }).sqrt();
                uniform(s, dims, -bound, bound)
            })
        },
    },
    Builtin {
        name: "kaiming_normal_",
        places: INIT,
        signature: "tensor,a?,mode?,nonlinearity?,generator?",
        run: |s, a| {
            let gain = kaiming_gain(s, a)?;
            let out = &*a.string_or(s, "mode", "fan_in")? == "fan_out";
            fill(s, a, "tensor", |s, dims| {
                let (fan_in, fan_out) = fans(s, dims)?;
                normal(s, dims, 0.0, gain / (if out { fan_out } else { fan_in }).sqrt())
            })
        },
    },
    Builtin {
        name: "orthogonal_",
        places: INIT,
        signature: "tensor,gain?,generator?",
        run: |s, a| {
            let gain = a.float_or(s, "gain", 1.0)?;
            fill(s, a, "tensor", |s, dims| orthogonal(s, dims, gain))
        },
    },
    Builtin {
        name: "calculate_gain",
        places: INIT,
        signature: "nonlinearity,param?",
        run: |s, a| {
            let name = a.string(s, "nonlinearity")?;
            let slope = a.float_or(s, "param", 0.01)?;
            gain(s, &name, slope).map(Value::Float)
        },
    },
];

fn fill(
    s: &mut Interp<'_>,
    a: &Args,
    name: &str,
    make: impl FnOnce(&mut Interp<'_>, &[usize]) -> Eval<NodeId>,
) -> Eval<Value> {
    let x: Rc<Tensor> = a.tensor(s, name)?;
    let dims = s.dims(&x)?;
    let node = make(s, &dims)?;
    let dtype = s.dtype(&x)?;
    let node = super::reduce::cast(s, node, dtype)?;
    s.write_in_place(&x, node)?;
    Ok(Value::Tensor(x))
}

fn full(s: &mut Interp<'_>, dims: &[usize], value: f64) -> Eval<NodeId> {
    let made = s.graph.full(dims, value, DType::F32);
    s.made(made)
}

/// U(low, high).
pub fn uniform(s: &mut Interp<'_>, dims: &[usize], low: f64, high: f64) -> Eval<NodeId> {
    let u = random(s, dims, Distribution::Uniform)?;
    let low_node = constant(s, low)?;
    let made = s.graph.scale(u, high - low).and_then(|u| s.graph.add(u, low_node));
    s.made(made)
}

/// N(mean, std^2).
pub fn normal(s: &mut Interp<'_>, dims: &[usize], mean: f64, std: f64) -> Eval<NodeId> {
    let z = random(s, dims, Distribution::Normal)?;
    let made = s.graph.scale(z, std);
    let z = s.made(made)?;
    if mean == 0.0 {
        return Ok(z);
    }
    let mean = constant(s, mean)?;
    let made = s.graph.add(z, mean);
    s.made(made)
}

/// N(mean, std^2) within [low, high], by the inverse of its distribution function.
fn truncated(s: &mut Interp<'_>, dims: &[usize], mean: f64, std: f64, low: f64, high: f64) -> Eval<NodeId> {
    let (l, h) = ((low - mean) / std, (high - mean) / std);
    if l <= -6.0 && h >= 6.0 {
        return normal(s, dims, mean, std);
    }
    let erf = |x: f64| crate::ir::eval::unary(Unary::Erf, x / std::f64::consts::SQRT_2);
    let u = uniform(s, dims, erf(l.max(-5.0)), erf(h.min(5.0)))?;
    let z = inverse_erf(s, u)?;
    let made = s.graph.scale(z, std * std::f64::consts::SQRT_2);
    let z = s.made(made)?;
    let mean = constant(s, mean)?;
    let (low, high) = (constant(s, low)?, constant(s, high)?);
    let made = s
        .graph
        .add(z, mean)
        .and_then(|z| s.graph.binary(Binary::Maximum, z, low))
        .and_then(|z| s.graph.binary(Binary::Minimum, z, high));
    s.made(made)
}

/// Giles, "Approximating the erfinv function" (GPU Computing Gems, 2011), single precision.
fn inverse_erf(s: &mut Interp<'_>, x: NodeId) -> Eval<NodeId> {
    const CENTRE: [f64; 9] = [
        2.810_226_36e-08,
        3.432_739_39e-07,
        -3.523_387_7e-06,
        -4.391_506_54e-06,
        2.185_808_7e-04,
        -1.253_725_03e-03,
        -4.177_681_64e-03,
        0.246_640_727,
        1.501_409_41,
    ];
    const TAIL: [f64; 9] = [
        -2.002_142_57e-04,
        1.009_505_58e-04,
        1.349_343_22e-03,
        -3.673_428_44e-03,
        5.739_507_73e-03,
        -7.622_461_3e-03,
        9.438_870_47e-03,
        1.001_674_06,
        2.832_976_82,
    ];
    let square = {
        let m = s.graph.mul(x, x).and_then(|y| s.graph.unary(Unary::Neg, y));
        s.made(m)?
    };
    let w = {
        let m = s.graph.unary(Unary::Log1p, square).and_then(|y| s.graph.unary(Unary::Neg, y));
        s.made(m)?
    };
    let five = constant(s, 5.0)?;
    let near = {
        let m = s.graph.compare(Compare::Lt, w, five);
        s.made(m)?
    };
    let (shift, three) = (constant(s, 2.5)?, constant(s, 3.0)?);
    let centre = {
        let m = s.graph.sub(w, shift);
        s.made(m)?
    };
    let tail = {
        let m = s.graph.unary(Unary::Sqrt, w).and_then(|r| s.graph.sub(r, three));
        s.made(m)?
    };
    let mut parts = Vec::new();
    for (at, coefficients) in [(centre, CENTRE), (tail, TAIL)] {
        let mut p = constant(s, coefficients[0])?;
        for &c in &coefficients[1..] {
            let c = constant(s, c)?;
            let made = s.graph.mul(p, at).and_then(|p| s.graph.add(p, c));
            p = s.made(made)?;
        }
        parts.push(p);
    }
    let made = s.graph.select(near, parts[0], parts[1]).and_then(|p| s.graph.mul(p, x));
    s.made(made)
}

fn fans(s: &mut Interp<'_>, dims: &[usize]) -> Eval<(f64, f64)> {
    let [out, inner, rest @ ..] = dims else {
        return s.value_error("fan in and fan out can not be computed for tensor with fewer than 2 dimensions");
    };
    let field: usize = rest.iter().product();
    Ok(((inner * field) as f64, (out * field) as f64))
}

fn gain(s: &mut Interp<'_>, name: &str, slope: f64) -> Eval<f64> {
    Ok(match name {
        "linear" | "sigmoid" | "conv1d" | "conv2d" | "conv3d" => 1.0,
        "tanh" => 5.0 / 3.0,
        "relu" => 2f64.sqrt(),
        "leaky_relu" => (2.0 / (1.0 + slope * slope)).sqrt(),
        "selu" => 0.75,
        other => return s.value_error(format!("unsupported nonlinearity {other}")),
    })
}

fn kaiming_gain(s: &mut Interp<'_>, a: &Args) -> Eval<f64> {
    let slope = a.float_or(s, "a", 0.0)?;
    let name = a.string_or(s, "nonlinearity", "leaky_relu")?;
    gain(s, &name, slope)
}

/// The identity kernel: `[O, C, K]` with 1 at the middle tap of the matching channel.
fn dirac(s: &mut Interp<'_>, dims: &[usize], groups: usize) -> Eval<NodeId> {
    let [out, inner, taps] = dims[..] else {
        return s.unsupported("dirac_() is supported for tensors of 3 dimensions");
    };
    if groups == 0 || out % groups != 0 {
        return s.value_error("dim 0 must be divisible by groups");
    }
    let per = out / groups;
    s.length(out * inner * taps, "kernel")?;
    let mut data = vec![0.0; out * inner * taps];
    for g in 0..groups {
        for d in 0..per.min(inner) {
            data[((g * per + d) * inner + d) * taps + taps / 2] = 1.0;
        }
    }
    let made = s.graph.literal(dims, data, DType::F32);
    s.made(made)
}

/// A random (semi-)orthogonal matrix: the polar factor of a Gaussian one, which has the same distribution as the
/// sign-corrected QR factor that PyTorch takes. Newton-Schulz iteration.
fn orthogonal(s: &mut Interp<'_>, dims: &[usize], gain: f64) -> Eval<NodeId> {
    if dims.len() < 2 {
        return s.value_error("only tensors with 2 or more dimensions are supported");
    }
    let (rows, columns) = (dims[0], dims[1..].iter().product::<usize>());
    let (n, m) = (rows.min(columns), rows.max(columns));
    let x = random(s, &[n, m], Distribution::Normal)?;
    // The largest singular value of a Gaussian matrix is close to sqrt(n) + sqrt(m).
    let made = s.graph.scale(x, 1.0 / (((n as f64).sqrt() + (m as f64).sqrt()) * 1.1));
    let mut x = s.made(made)?;
    for _ in 0..32 {
        let xt = {
            let m = s.graph.transpose(x, 0, 1);
            s.made(m)?
        };
        let gram = {
            let m = s.graph.matmul(x, xt).and_then(|g| s.graph.scale(g, -0.5));
            s.made(m)?
        };
        let grown = {
            let m = s.graph.scale(x, 1.5);
            s.made(m)?
        };
        let made = s.graph.matmul(gram, x).and_then(|y| s.graph.add(grown, y));
        x = s.made(made)?;
    }
    if rows > columns {
        let made = s.graph.transpose(x, 0, 1);
        x = s.made(made)?;
    }
    let made = s.graph.scale(x, gain).and_then(|x| s.graph.reshape(x, dims));
    s.made(made)
}
