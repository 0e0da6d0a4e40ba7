//! Reductions, running sums and softmax.

use super::elementwise::constant;
use super::{Args, Builtin, F, LINALG, METHOD, SPECIAL, TORCH};
use crate::ir::{Axis, Binary, Compare, DType, NodeId, Op, Reduction, Unary};
use crate::language::interp::{Eval, Interp};
use crate::language::value::Value;

const TM: u32 = TORCH | METHOD;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "sum",
        places: TM,
        signature: "input,dim|axis?,keepdim|keepdims?,dtype?",
        run: |s, a| {
            let x = a.node(s, "input")?;
            let x = match s.graph.dtype(x) {
                DType::Bool => cast(s, x, DType::I64)?,
                _ => x,
            };
            fold(s, a, x, Reduction::Sum)
        },
    },
    Builtin {
        name: "mean",
        places: TM,
        signature: "input,dim|axis?,keepdim|keepdims?,dtype?",
        run: |s, a| {
            let x = a.node(s, "input")?;
            if s.graph.dtype(x) != DType::F32 && a.opt("dtype").is_none() {
                return s.raise("RuntimeError", "mean(): the input must be floating point; use .float()");
            }
            let x = cast(s, x, DType::F32)?;
            let axes = a.dims(s, "dim", s.graph.shape(x).len())?;
            let made = s.graph.mean(x, &axes);
            squeeze(s, a, made, &axes)
        },
    },
    Builtin {
        name: "prod",
        places: TM,
        signature: "input,dim?,keepdim?,dtype?",
        run: |s, a| {
            let x = a.node(s, "input")?;
            let x = match s.graph.dtype(x) {
                DType::Bool => cast(s, x, DType::I64)?,
                _ => x,
            };
            fold(s, a, x, Reduction::Prod)
        },
    },
    Builtin {
        name: "amax",
        places: TM,
        signature: "input,dim?,keepdim?",
        run: |s, a| {
            let x = a.node(s, "input")?;
            fold(s, a, x, Reduction::Max)
        },
    },
    Builtin {
        name: "amin",
        places: TM,
        signature: "input,dim?,keepdim?",
        run: |s, a| {
            let x = a.node(s, "input")?;
            fold(s, a, x, Reduction::Min)
        },
    },
    Builtin { name: "max", places: TM, signature: "input,dim|other?,keepdim?", run: |s, a| extreme(s, a, true) },
    Builtin { name: "min", places: TM, signature: "input,dim|other?,keepdim?", run: |s, a| extreme(s, a, false) },
    Builtin { name: "argmax", places: TM, signature: "input,dim?,keepdim?", run: |s, a| arg_extreme(s, a, true) },
    Builtin { name: "argmin", places: TM, signature: "input,dim?,keepdim?", run: |s, a| arg_extreme(s, a, false) },
    Builtin { name: "any", places: TM, signature: "input,dim?,keepdim?", run: |s, a| truth(s, a, Reduction::Max) },
    Builtin { name: "all", places: TM, signature: "input,dim?,keepdim?", run: |s, a| truth(s, a, Reduction::Min) },
    Builtin {
        name: "var",
        places: TM,
        signature: "input,dim?,unbiased?,keepdim?,correction?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let axes = a.dims(s, "dim", s.graph.shape(x).len())?;
            let correction = correction(s, a)?;
            let var = variance(s, x, &axes, correction)?;
            squeeze(s, a, Ok(var), &axes)
        },
    },
    Builtin {
        name: "std",
        places: TM,
        signature: "input,dim?,unbiased?,keepdim?,correction?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let axes = a.dims(s, "dim", s.graph.shape(x).len())?;
            let correction = correction(s, a)?;
            let var = variance(s, x, &axes, correction)?;
            let made = s.graph.unary(Unary::Sqrt, var);
            squeeze(s, a, made, &axes)
        },
    },
    Builtin {
        name: "var_mean",
        places: TORCH,
        signature: "input,dim?,unbiased?,keepdim?,correction?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let axes = a.dims(s, "dim", s.graph.shape(x).len())?;
            let correction = correction(s, a)?;
            let var = variance(s, x, &axes, correction)?;
            let var = squeeze(s, a, Ok(var), &axes)?;
            let made = s.graph.mean(x, &axes);
            Ok(Value::tuple(vec![var, squeeze(s, a, made, &axes)?]))
        },
    },
    Builtin { name: "norm", places: TM, signature: "input,p?,dim?,keepdim?,dtype?", run: |s, a| norm(s, a, "p") },
    Builtin {
        name: "vector_norm|norm",
        places: LINALG,
        signature: "input|x,ord?,dim?,keepdim?,*,dtype?",
        run: |s, a| norm(s, a, "ord"),
    },
    Builtin {
        name: "logsumexp",
        places: TM | SPECIAL,
        signature: "input,dim,keepdim?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let axes = a.dims(s, "dim", s.graph.shape(x).len())?;
            let top = {
                let m = s.graph.reduce(Reduction::Max, x, &axes);
                s.made(m)?
            };
            let made = s
                .graph
                .sub(x, top)
                .and_then(|y| s.graph.unary(Unary::Exp, y))
                .and_then(|y| s.graph.reduce(Reduction::Sum, y, &axes))
                .and_then(|y| s.graph.unary(Unary::Log, y))
                .and_then(|y| s.graph.add(y, top));
            squeeze(s, a, made, &axes)
        },
    },
    Builtin {
        name: "softmax",
        places: TM | F | SPECIAL,
        signature: "input,dim?,_stacklevel?,dtype?",
        run: |s, a| {
            let (x, axis) = along(s, a)?;
            let made = s.graph.softmax(x, axis);
            s.tensor(made)
        },
    },
    Builtin {
        name: "softmin",
        places: F,
        signature: "input,dim?",
        run: |s, a| {
            let (x, axis) = along(s, a)?;
            let made = s.graph.unary(Unary::Neg, x).and_then(|x| s.graph.softmax(x, axis));
            s.tensor(made)
        },
    },
    Builtin {
        name: "log_softmax",
        places: TM | F | SPECIAL,
        signature: "input,dim?,_stacklevel?,dtype?",
        run: |s, a| {
            let (x, axis) = along(s, a)?;
            let made = s.graph.apply(Op::LogSoftmax(axis), &[x]);
            s.tensor(made)
        },
    },
    Builtin { name: "cumsum", places: TM, signature: "input,dim,dtype?", run: |s, a| running(s, a, Op::CumSum) },
    Builtin { name: "cumprod", places: TM, signature: "input,dim,dtype?", run: |s, a| running(s, a, Op::CumProd) },
];

pub fn cast(s: &mut Interp<'_>, x: NodeId, dtype: DType) -> Eval<NodeId> {
    let made = s.graph.cast(x, dtype);
    s.made(made)
}

/// Drop reduced axes unless `keepdim`.
fn squeeze(s: &mut Interp<'_>, a: &Args, made: Result<NodeId, crate::ir::Error>, axes: &[Axis]) -> Eval<Value> {
    let keep = a.bool_or(s, "keepdim", false)?;
    let node = drop_axes(s, made, axes, keep)?;
    s.tensor(Ok(node))
}

fn drop_axes(s: &mut Interp<'_>, made: Result<NodeId, crate::ir::Error>, axes: &[Axis], keep: bool) -> Eval<NodeId> {
    let node = s.made(made)?;
    if keep {
        return Ok(node);
    }
    let shape: Vec<usize> =
        s.graph.shape(node).iter().enumerate().filter(|(i, _)| !axes.contains(i)).map(|(_, &d)| d).collect();
    let made = s.graph.reshape(node, &shape);
    s.made(made)
}

fn fold(s: &mut Interp<'_>, a: &Args, x: NodeId, kind: Reduction) -> Eval<Value> {
    let x = match a.dtype(s)? {
        Some(dtype) => cast(s, x, dtype)?,
        None => x,
    };
    let axes = a.dims(s, "dim", s.graph.shape(x).len())?;
    let made = s.graph.reduce(kind, x, &axes);
    squeeze(s, a, made, &axes)
}

fn extreme(s: &mut Interp<'_>, a: &Args, max: bool) -> Eval<Value> {
    let kind = if max { Reduction::Max } else { Reduction::Min };
    match a.opt("dim") {
        None => {
            let x = a.node(s, "input")?;
            let axes: Vec<_> = (0..s.graph.shape(x).len()).collect();
            let made = s.graph.reduce(kind, x, &axes);
            let node = drop_axes(s, made, &axes, false)?;
            s.tensor(Ok(node))
        }
        Some(other @ Value::Tensor(_)) => {
            let op = if max { Binary::Maximum } else { Binary::Minimum };
            s.arithmetic(op, a.value("input"), other)
        }
        Some(_) => {
            let x = a.node(s, "input")?;
            let axis = a.dim(s, "dim", s.graph.shape(x).len())?;
            let made = s.graph.reduce(kind, x, &[axis]);
            let values = squeeze(s, a, made, &[axis])?;
            let positions = positions(s, x, axis, max)?;
            let indices = squeeze(s, a, Ok(positions), &[axis])?;
            super::gather::pair(s, values, indices)
        }
    }
}

fn positions(s: &mut Interp<'_>, x: NodeId, axis: Axis, max: bool) -> Eval<NodeId> {
    let x = cast(s, x, DType::F32)?;
    let made = match max {
        true => Ok(x),
        false => s.graph.unary(Unary::Neg, x),
    };
    let x = s.made(made)?;
    let made = s.graph.apply(Op::ArgMax(axis), &[x]);
    s.made(made)
}

fn arg_extreme(s: &mut Interp<'_>, a: &Args, max: bool) -> Eval<Value> {
    let x = a.node(s, "input")?;
    match a.opt("dim") {
        Some(_) => {
            let axis = a.dim(s, "dim", s.graph.shape(x).len())?;
            let found = positions(s, x, axis, max)?;
            squeeze(s, a, Ok(found), &[axis])
        }
        None => {
            let n = s.graph.node(x).elements();
            let made = s.graph.reshape(x, &[n]);
            let x = s.made(made)?;
            let found = positions(s, x, 0, max)?;
            let made = s.graph.reshape(found, &[]);
            s.tensor(made)
        }
    }
}

fn truth(s: &mut Interp<'_>, a: &Args, kind: Reduction) -> Eval<Value> {
    let x = a.node(s, "input")?;
    let x = cast(s, x, DType::Bool)?;
    let x = cast(s, x, DType::I64)?;
    let axes = a.dims(s, "dim", s.graph.shape(x).len())?;
    let made = s.graph.reduce(kind, x, &axes);
    let keep = a.bool_or(s, "keepdim", false)?;
    let node = drop_axes(s, made, &axes, keep)?;
    let node = cast(s, node, DType::Bool)?;
    s.tensor(Ok(node))
}

fn correction(s: &mut Interp<'_>, a: &Args) -> Eval<f64> {
    match (a.opt("correction"), a.opt("unbiased")) {
        (Some(_), _) => a.float(s, "correction"),
        (None, Some(_)) => Ok(if a.bool_or(s, "unbiased", true)? { 1.0 } else { 0.0 }),
        (None, None) => Ok(1.0),
    }
}

/// `sum((x - mean)^2) / (n - correction)` over axes, which stay.
pub fn variance(s: &mut Interp<'_>, x: NodeId, axes: &[Axis], correction: f64) -> Eval<NodeId> {
    let n: usize = axes.iter().map(|&i| s.graph.shape(x)[i]).product();
    let mean = {
        let m = s.graph.mean(x, axes);
        s.made(m)?
    };
    let centred = {
        let m = s.graph.sub(x, mean);
        s.made(m)?
    };
    let square = {
        let m = s.graph.mul(centred, centred);
        s.made(m)?
    };
    let sum = {
        let m = s.graph.reduce(Reduction::Sum, square, axes);
        s.made(m)?
    };
    let made = s.graph.scale(sum, 1.0 / (n as f64 - correction).max(0.0));
    s.made(made)
}

/// The p-norm over axes, which stay.
pub fn p_norm(s: &mut Interp<'_>, x: NodeId, p: f64, axes: &[Axis]) -> Eval<NodeId> {
    let made = match p {
        2.0 => s.graph.mul(x, x).and_then(|y| s.graph.reduce(Reduction::Sum, y, axes)).and_then(|y| root(s, y)),
        1.0 => s.graph.unary(Unary::Abs, x).and_then(|y| s.graph.reduce(Reduction::Sum, y, axes)),
        p if p == f64::INFINITY => s.graph.unary(Unary::Abs, x).and_then(|y| s.graph.reduce(Reduction::Max, y, axes)),
        0.0 => {
            let zero = constant(s, 0.0)?;
            let made = s.graph.compare(Compare::Ne, x, zero);
            let nonzero = s.made(made)?;
            let nonzero = cast(s, nonzero, DType::F32)?;
            s.graph.reduce(Reduction::Sum, nonzero, axes)
        }
        p => {
            let (p, inverse) = (constant(s, p)?, constant(s, 1.0 / p)?);
            s.graph
                .unary(Unary::Abs, x)
                .and_then(|y| s.graph.binary(Binary::Pow, y, p))
                .and_then(|y| s.graph.reduce(Reduction::Sum, y, axes))
                .and_then(|y| s.graph.binary(Binary::Pow, y, inverse))
        }
    };
    s.made(made)
}

fn norm(s: &mut Interp<'_>, a: &Args, order: &str) -> Eval<Value> {
    let x = a.float_node(s, "input")?;
    let p = match a.opt(order) {
        Some(Value::Str(name)) if &**name == "fro" => 2.0,
        _ => a.float_or(s, order, 2.0)?,
    };
    let axes = a.dims(s, "dim", s.graph.shape(x).len())?;
    let node = p_norm(s, x, p, &axes)?;
    squeeze(s, a, Ok(node), &axes)
}

fn along(s: &mut Interp<'_>, a: &Args) -> Eval<(NodeId, Axis)> {
    let x = a.float_node(s, "input")?;
    a.dtype(s)?;
    let rank = s.graph.shape(x).len();
    if a.opt("dim").is_none() {
        return s.type_error(format!("{}() needs the argument 'dim'", a.name));
    }
    Ok((x, a.dim(s, "dim", rank)?))
}

fn running(s: &mut Interp<'_>, a: &Args, op: fn(Axis) -> Op) -> Eval<Value> {
    let x = a.node(s, "input")?;
    let x = match (a.dtype(s)?, s.graph.dtype(x)) {
        (Some(dtype), _) => cast(s, x, dtype)?,
        (None, DType::Bool) => cast(s, x, DType::I64)?,
        _ => x,
    };
    let axis = a.dim(s, "dim", s.graph.shape(x).len())?;
    let made = s.graph.apply(op(axis), &[x]);
    s.tensor(made)
}

/// A square root whose gradient at zero is zero, as that of PyTorch's norms is.
fn root(s: &mut Interp<'_>, x: NodeId) -> Result<NodeId, crate::ir::Error> {
    let g = &mut s.graph;
    let (zero, one) = (g.scalar(0.0)?, g.scalar(1.0)?);
    let none = g.compare(crate::ir::Compare::Le, x, zero)?;
    let safe = g.select(none, one, x)?;
    let root = g.unary(Unary::Sqrt, safe)?;
    g.select(none, zero, root)
}
