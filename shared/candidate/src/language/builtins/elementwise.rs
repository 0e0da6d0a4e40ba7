//! Elementwise arithmetic and functions.

use super::{Args, Builtin, F, METHOD, SPECIAL, TORCH};
use crate::ir::{Binary, Compare, DType, NodeId, Unary};
use crate::language::interp::{Eval, Interp};
use crate::language::number::number;
use crate::language::tensor::Tensor;
use crate::language::value::Value;

const TM: u32 = TORCH | METHOD;

const TFM: u32 = TORCH | METHOD | F;

/// `f(input)` for the unary operations of the graph.
macro_rules! unary {
    ($name:literal, $places:expr, $f:ident) => {
        Builtin {
            name: $name,
            places: $places,
            signature: "input,inplace?",
            run: |s, a| {
                let x = a.tensor(s, "input")?;
                let made = s.map_unary(&x, Unary::$f)?;
                finish(s, a, made)
            },
        }
    };
}

macro_rules! binary {
    ($name:literal, $places:expr, $f:ident) => {
        Builtin {
            name: $name,
            places: $places,
            signature: "input,other",
            run: |s, a| s.arithmetic(Binary::$f, a.value("input"), a.value("other")),
        }
    };
}

macro_rules! compare {
    ($name:literal, $f:ident) => {
        Builtin {
            name: $name,
            places: TM,
            signature: "input,other",
            run: |s, a| s.tensor_compare(Compare::$f, a.value("input"), a.value("other")),
        }
    };
}

pub const TABLE: &[Builtin] = &[
    unary!("neg|negative", TM, Neg),
    unary!("exp", TM, Exp),
    unary!("expm1", TM | SPECIAL, Expm1),
    unary!("log", TM, Log),
    unary!("log1p", TM | SPECIAL, Log1p),
    unary!("sqrt", TM, Sqrt),
    unary!("rsqrt", TM, Rsqrt),
    unary!("reciprocal", TM, Recip),
    unary!("abs|absolute", TM, Abs),
    unary!("sign|sgn", TM, Sign),
    unary!("sin", TM, Sin),
    unary!("cos", TM, Cos),
    unary!("tanh", TFM, Tanh),
    unary!("atan|arctan", TM, Atan),
    unary!("sigmoid", TFM, Sigmoid),
    unary!("expit", SPECIAL, Sigmoid),
    unary!("silu|swish", F, Silu),
    unary!("relu", TFM, Relu),
    unary!("erf", TM | SPECIAL, Erf),
    unary!("floor", TM, Floor),
    unary!("ceil", TM, Ceil),
    unary!("round", TM, Round),
    unary!("logical_not|bitwise_not", TM, Not),
    binary!("mul|multiply", TM, Mul),
    binary!("maximum", TM, Maximum),
    binary!("minimum", TM, Minimum),
    binary!("remainder", TM, Rem),
    binary!("floor_divide", TM, FloorDiv),
    binary!("bitwise_and", TM, And),
    binary!("bitwise_or", TM, Or),
    compare!("eq", Eq),
    compare!("ne|not_equal", Ne),
    compare!("lt|less", Lt),
    compare!("le|less_equal", Le),
    compare!("gt|greater", Gt),
    compare!("ge|greater_equal", Ge),
    Builtin { name: "add", places: TM, signature: "input,other,*,alpha?", run: |s, a| scaled(s, a, Binary::Add) },
    Builtin {
        name: "sub|subtract",
        places: TM,
        signature: "input,other,*,alpha?",
        run: |s, a| scaled(s, a, Binary::Sub),
    },
    Builtin {
        name: "rsub",
        places: TM,
        signature: "input,other",
        run: |s, a| s.arithmetic(Binary::Sub, a.value("other"), a.value("input")),
    },
    Builtin {
        name: "div|divide|true_divide",
        places: TM,
        signature: "input,other,*,rounding_mode?",
        run: |s, a| match a.opt("rounding_mode") {
            None => s.arithmetic(Binary::Div, a.value("input"), a.value("other")),
            Some(Value::Str(mode)) if &**mode == "floor" => {
                s.arithmetic(Binary::FloorDiv, a.value("input"), a.value("other"))
            }
            Some(_) => s.unsupported("div() supports rounding_mode=None and 'floor'"),
        },
    },
    Builtin {
        name: "pow",
        places: TM,
        signature: "input,exponent",
        run: |s, a| s.power(a.value("input"), a.value("exponent")),
    },
    Builtin { name: "square", places: TM, signature: "input", run: |s, a| s.power(a.value("input"), &Value::Int(2)) },
    Builtin { name: "logical_and", places: TM, signature: "input,other", run: |s, a| logical(s, a, Binary::And) },
    Builtin { name: "logical_or", places: TM, signature: "input,other", run: |s, a| logical(s, a, Binary::Or) },
    Builtin { name: "logical_xor", places: TM, signature: "input,other", run: |s, a| logical(s, a, Binary::Xor) },
    Builtin {
        name: "log2",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let made = s.graph.unary(Unary::Log, x).and_then(|y| s.graph.scale(y, std::f64::consts::LOG2_E));
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "exp2",
        places: TM | SPECIAL,
        signature: "input",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let made = s.graph.scale(x, std::f64::consts::LN_2).and_then(|y| s.graph.unary(Unary::Exp, y));
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "clamp|clip",
        places: TM,
        signature: "input,min?,max?",
        run: |s, a| {
            let (low, high) = (a.opt("min").cloned(), a.opt("max").cloned());
            clamp(s, a, low, high)
        },
    },
    Builtin {
        name: "clamp_min",
        places: TM,
        signature: "input,min",
        run: |s, a| {
            let low = a.opt("min").cloned();
            clamp(s, a, low, None)
        },
    },
    Builtin {
        name: "clamp_max",
        places: TM,
        signature: "input,max",
        run: |s, a| {
            let high = a.opt("max").cloned();
            clamp(s, a, None, high)
        },
    },
    Builtin {
        name: "where",
        places: TORCH,
        signature: "condition,input?,other?",
        run: |s, a| {
            if a.get("input").is_none() {
                return s.unsupported("torch.where with one argument has no fixed shape");
            }
            choose(s, a, "condition", a.value("input"), a.value("other"))
        },
    },
    Builtin {
        name: "where",
        places: METHOD,
        signature: "input,condition,other",
        run: |s, a| choose(s, a, "condition", a.value("input"), a.value("other")),
    },
    Builtin {
        name: "masked_fill",
        places: TM,
        signature: "input,mask,value",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dtype = s.dtype(&x)?;
            let node = s.read(&x)?;
            let mask = a.node(s, "mask")?;
            if s.graph.dtype(mask) != DType::Bool {
                return s.raise("RuntimeError", "masked_fill(): the mask must be a bool tensor");
            }
            let value = s.node_of(a.value("value"), dtype)?;
            let made = s.graph.select(mask, value, node);
            let node = s.made(made)?;
            Ok(Value::Tensor(Tensor::fresh(node, s.layout_of(&[&x]))))
        },
    },
    Builtin {
        name: "lerp",
        places: TM,
        signature: "input,end,weight",
        run: |s, a| {
            let difference = s.arithmetic(Binary::Sub, a.value("end"), a.value("input"))?;
            let step = s.arithmetic(Binary::Mul, &difference, a.value("weight"))?;
            s.arithmetic(Binary::Add, a.value("input"), &step)
        },
    },
    Builtin {
        name: "addcmul",
        places: TM,
        signature: "input,tensor1,tensor2,*,value?",
        run: |s, a| {
            let product = s.arithmetic(Binary::Mul, a.value("tensor1"), a.value("tensor2"))?;
            let scaled = match a.opt("value") {
                Some(value) => s.arithmetic(Binary::Mul, &product, value)?,
                None => product,
            };
            s.arithmetic(Binary::Add, a.value("input"), &scaled)
        },
    },
    Builtin {
        name: "isnan",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.node(s, "input")?;
            let made = s.graph.compare(Compare::Ne, x, x);
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "isfinite",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let top = constant(s, f64::INFINITY)?;
            let made = s.graph.unary(Unary::Abs, x).and_then(|x| s.graph.compare(Compare::Lt, x, top));
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "isinf",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let top = constant(s, f64::INFINITY)?;
            let made = s.graph.unary(Unary::Abs, x).and_then(|x| s.graph.compare(Compare::Eq, x, top));
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "tan",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let sin = {
                let m = s.graph.unary(Unary::Sin, x);
                s.made(m)?
            };
            let cos = {
                let m = s.graph.unary(Unary::Cos, x);
                s.made(m)?
            };
            let made = s.graph.div(sin, cos);
            wrap(s, a, made)
        },
    },
];

pub(super) fn wrap(s: &mut Interp<'_>, a: &Args, made: Result<NodeId, crate::ir::Error>) -> Eval<Value> {
    let node = s.made(made)?;
    let layout = match a.get("input") {
        Some(Value::Tensor(t)) => t.layout,
        _ => crate::language::tensor::Layout::Unknown,
    };
    Ok(Value::Tensor(Tensor::fresh(node, layout)))
}

/// Honour `inplace=True`.
fn finish(s: &mut Interp<'_>, a: &Args, made: Value) -> Eval<Value> {
    match (a.opt("inplace"), &made) {
        (Some(Value::Bool(true)), Value::Tensor(result)) => {
            let x = a.tensor(s, "input")?;
            let node = s.read(result)?;
            s.write_in_place(&x, node)?;
            Ok(Value::Tensor(x))
        }
        _ => Ok(made),
    }
}

/// A float scalar node.
pub fn constant(s: &mut Interp<'_>, value: f64) -> Eval<NodeId> {
    let made = s.graph.scalar(value);
    s.made(made)
}

fn scaled(s: &mut Interp<'_>, a: &Args, op: Binary) -> Eval<Value> {
    let other = match a.opt("alpha") {
        Some(alpha) => match (number(alpha), number(a.value("other"))) {
            (Some(x), Some(y)) => Value::Float(x * y),
            _ => s.arithmetic(Binary::Mul, a.value("other"), alpha)?,
        },
        None => a.value("other").clone(),
    };
    s.arithmetic(op, a.value("input"), &other)
}

fn logical(s: &mut Interp<'_>, a: &Args, op: Binary) -> Eval<Value> {
    let x = s.node_of(a.value("input"), DType::Bool)?;
    let y = s.node_of(a.value("other"), DType::Bool)?;
    let made = s.graph.binary(op, x, y);
    wrap(s, a, made)
}

pub(super) fn clamp(s: &mut Interp<'_>, a: &Args, low: Option<Value>, high: Option<Value>) -> Eval<Value> {
    let mut x = a.value("input").clone();
    if low.is_none() && high.is_none() {
        return s.raise("RuntimeError", "clamp(): at least one of 'min' and 'max' is needed");
    }
    if let Some(low) = low {
        x = s.arithmetic(Binary::Maximum, &x, &low)?;
    }
    if let Some(high) = high {
        x = s.arithmetic(Binary::Minimum, &x, &high)?;
    }
    Ok(x)
}

fn choose(s: &mut Interp<'_>, a: &Args, condition: &str, x: &Value, y: &Value) -> Eval<Value> {
    let mask = a.node(s, condition)?;
    let made = s.graph.cast(mask, DType::Bool);
    let mask = s.made(made)?;
    let (x, y) = match (x, y) {
        // Two Python numbers make a float tensor of the default dtype.
        (x, y) if number(x).is_some() && number(y).is_some() => {
            let dtype = match (x, y) {
                (Value::Float(_), _) | (_, Value::Float(_)) => DType::F32,
                (Value::Bool(_), Value::Bool(_)) => DType::Bool,
                _ => DType::I64,
            };
            (s.node_of(x, dtype)?, s.node_of(y, dtype)?)
        }
        (x, y) => {
            let (x, y, _) = s.promote(x, y)?;
            (x, y)
        }
    };
    let made = s.graph.select(mask, x, y);
    s.tensor(made)
}
