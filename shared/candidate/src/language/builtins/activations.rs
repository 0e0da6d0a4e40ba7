//! Activation functions.

use super::elementwise::{clamp, constant, wrap};
use super::{Args, Builtin, F, TORCH};
use crate::ir::{Binary, Compare, NodeId, Unary};
use crate::language::interp::{Eval, Interp};
use crate::language::value::Value;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "gelu",
        places: F,
        signature: "input,approximate?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            match &*a.string_or(s, "approximate", "none")? {
                "none" => s.map_unary(&x, Unary::Gelu),
                "tanh" => s.map_unary(&x, Unary::GeluTanh),
                _ => s.value_error("gelu(): approximate must be 'none' or 'tanh'"),
            }
        },
    },
    Builtin {
        name: "softplus",
        places: F,
        signature: "input,beta?,threshold?",
        run: |s, a| {
            // Beyond the threshold PyTorch returns x itself, which float32 cannot tell from softplus.
            let x = a.float_node(s, "input")?;
            let beta = a.float_or(s, "beta", 1.0)?;
            let made = match beta == 1.0 {
                true => s.graph.unary(Unary::Softplus, x),
                false => s
                    .graph
                    .scale(x, beta)
                    .and_then(|x| s.graph.unary(Unary::Softplus, x))
                    .and_then(|x| s.graph.scale(x, 1.0 / beta)),
            };
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "logsigmoid",
        places: F,
        signature: "input",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let made = s
                .graph
                .unary(Unary::Neg, x)
                .and_then(|x| s.graph.unary(Unary::Softplus, x))
                .and_then(|x| s.graph.unary(Unary::Neg, x));
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "elu",
        places: F,
        signature: "input,alpha?,inplace?",
        run: |s, a| {
            let alpha = a.float_or(s, "alpha", 1.0)?;
            let x = a.float_node(s, "input")?;
            elu(s, a, x, alpha, 1.0)
        },
    },
    Builtin {
        name: "celu",
        places: F,
        signature: "input,alpha?,inplace?",
        run: |s, a| {
            // max(0, x) + min(0, alpha * (exp(x / alpha) - 1))
            let alpha = a.float_or(s, "alpha", 1.0)?;
            let x = a.float_node(s, "input")?;
            let zero = constant(s, 0.0)?;
            let top = {
                let m = s.graph.binary(Binary::Maximum, x, zero);
                s.made(m)?
            };
            let low = {
                let m = s.graph.binary(Binary::Minimum, x, zero);
                s.made(m)?
            };
            let made = s
                .graph
                .scale(low, 1.0 / alpha)
                .and_then(|y| s.graph.unary(Unary::Expm1, y))
                .and_then(|y| s.graph.scale(y, alpha))
                .and_then(|y| s.graph.add(top, y));
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "selu",
        places: F | TORCH,
        signature: "input,inplace?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            elu(s, a, x, 1.673_263_242_354_377_2, 1.050_700_987_355_480_5)
        },
    },
    Builtin {
        name: "leaky_relu",
        places: F,
        signature: "input,negative_slope?,inplace?",
        run: |s, a| {
            let slope = a.float_or(s, "negative_slope", 0.01)?;
            let x = a.float_node(s, "input")?;
            let zero = constant(s, 0.0)?;
            let positive = {
                let m = s.graph.compare(Compare::Gt, x, zero);
                s.made(m)?
            };
            let made = s.graph.scale(x, slope).and_then(|y| s.graph.select(positive, x, y));
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "relu6",
        places: F,
        signature: "input,inplace?",
        run: |s, a| clamp(s, a, Some(Value::Int(0)), Some(Value::Int(6))),
    },
    Builtin {
        name: "hardtanh",
        places: F,
        signature: "input,min_val?,max_val?,inplace?",
        run: |s, a| {
            let (low, high) = (a.float_or(s, "min_val", -1.0)?, a.float_or(s, "max_val", 1.0)?);
            clamp(s, a, Some(Value::Float(low)), Some(Value::Float(high)))
        },
    },
    Builtin {
        name: "hardsigmoid",
        places: F,
        signature: "input,inplace?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let (zero, three, six) = (constant(s, 0.0)?, constant(s, 3.0)?, constant(s, 6.0)?);
            let made = s
                .graph
                .add(x, three)
                .and_then(|y| s.graph.binary(Binary::Maximum, y, zero))
                .and_then(|y| s.graph.binary(Binary::Minimum, y, six))
                .and_then(|y| s.graph.scale(y, 1.0 / 6.0));
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "mish",
        places: F,
        signature: "input,inplace?",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let made = s
                .graph
                .unary(Unary::Softplus, x)
                .and_then(|y| s.graph.unary(Unary::Tanh, y))
                .and_then(|y| s.graph.mul(x, y));
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "softsign",
        places: F,
        signature: "input",
        run: |s, a| {
            let x = a.float_node(s, "input")?;
            let one = constant(s, 1.0)?;
            let made = s.graph.unary(Unary::Abs, x).and_then(|y| s.graph.add(y, one)).and_then(|y| s.graph.div(x, y));
            wrap(s, a, made)
        },
    },
    Builtin {
        name: "dropout",
        places: F | TORCH,
        signature: "input,p?,training?,inplace?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            if a.float_or(s, "p", 0.5)? > 0.0 && a.bool_or(s, "training", true)? {
                s.note("dropout is treated as the identity");
            }
            Ok(Value::Tensor(x))
        },
    },
];

fn elu(s: &mut Interp<'_>, a: &Args, x: NodeId, alpha: f64, scale: f64) -> Eval<Value> {
    let zero = constant(s, 0.0)?;
    let positive = {
        let m = s.graph.compare(Compare::Gt, x, zero);
        s.made(m)?
    };
    // The branch that is not taken must not overflow, or its zero gradient becomes NaN.
    let low = {
        let m = s.graph.binary(Binary::Minimum, x, zero);
        s.made(m)?
    };
    let made = s
        .graph
        .unary(Unary::Expm1, low)
        .and_then(|y| if alpha == 1.0 { Ok(y) } else { s.graph.scale(y, alpha) })
        .and_then(|y| s.graph.select(positive, x, y))
        .and_then(|y| if scale == 1.0 { Ok(y) } else { s.graph.scale(y, scale) });
    wrap(s, a, made)
}
