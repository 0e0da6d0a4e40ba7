//! The `math` module.

use super::{Args, Builtin, MATH};
use crate::language::interp::{Eval, Interp};
use crate::language::value::Value;

macro_rules! real {
    ($name:literal, $f:expr) => {
        Builtin {
            name: $name,
            places: MATH,
            signature: "x",
            run: |s, a| {
                let x = a.float(s, "x")?;
                checked(s, a, x, ($f)(x))
            },
        }
    };
}

pub const TABLE: &[Builtin] = &[
    real!("sqrt", f64::sqrt),
    real!("exp", f64::exp),
    real!("expm1", f64::exp_m1),
    real!("log2", f64::log2),
    real!("log10", f64::log10),
    real!("log1p", f64::ln_1p),
    real!("sin", f64::sin),
    real!("cos", f64::cos),
    real!("tan", f64::tan),
    real!("tanh", f64::tanh),
    real!("atan", f64::atan),
    real!("fabs", f64::abs),
    Builtin {
        name: "log",
        places: MATH,
        signature: "x,base?",
        run: |s, a| {
            let x = a.float(s, "x")?;
            if x <= 0.0 {
                return s.value_error("math domain error");
            }
            match a.opt("base") {
                Some(_) => {
                    let base = a.float(s, "base")?;
                    checked(s, a, x, x.ln() / base.ln())
                }
                None => Ok(Value::Float(x.ln())),
            }
        },
    },
    Builtin {
        name: "isclose",
        places: MATH,
        signature: "a,b,*,rel_tol?,abs_tol?",
        run: |s, a| {
            let (x, y) = (a.float(s, "a")?, a.float(s, "b")?);
            let (relative, absolute) = (a.float_or(s, "rel_tol", 1e-9)?, a.float_or(s, "abs_tol", 0.0)?);
            let close = x == y || (x - y).abs() <= absolute.max(relative * x.abs().max(y.abs()));
            Ok(Value::Bool(close && (x == y || (x.is_finite() && y.is_finite()))))
        },
    },
    Builtin {
        name: "pow",
        places: MATH,
        signature: "x,y",
        run: |s, a| {
            let (x, y) = (a.float(s, "x")?, a.float(s, "y")?);
            checked(s, a, x, x.powf(y))
        },
    },
    Builtin { name: "floor", places: MATH, signature: "x", run: |s, a| whole(s, a, f64::floor) },
    Builtin { name: "ceil", places: MATH, signature: "x", run: |s, a| whole(s, a, f64::ceil) },
    Builtin { name: "trunc", places: MATH, signature: "x", run: |s, a| whole(s, a, f64::trunc) },
    Builtin { name: "isnan", places: MATH, signature: "x", run: |s, a| Ok(Value::Bool(a.float(s, "x")?.is_nan())) },
    Builtin {
        name: "isinf",
        places: MATH,
        signature: "x",
        run: |s, a| Ok(Value::Bool(a.float(s, "x")?.is_infinite())),
    },
    Builtin {
        name: "isqrt",
        places: MATH,
        signature: "n",
        run: |s, a| match a.int(s, "n")? {
            n if n >= 0 => Ok(Value::Int(n.isqrt())),
            _ => s.value_error("isqrt() argument must be nonnegative"),
        },
    },
    Builtin {
        name: "gcd",
        places: MATH,
        signature: "*integers",
        run: |s, a| {
            let mut result = 0i64;
            for value in &a.rest {
                let (mut x, mut y) = (result, a.int_of(s, "integers", value)?.saturating_abs());
                while y != 0 {
                    (x, y) = (y, x % y);
                }
                result = x;
            }
            Ok(Value::Int(result))
        },
    },
    Builtin {
        name: "lcm",
        places: MATH,
        signature: "a,b",
        run: |s, a| {
            let (x, y) = (a.int(s, "a")?, a.int(s, "b")?);
            let (mut p, mut q) = (x.saturating_abs(), y.saturating_abs());
            while q != 0 {
                (p, q) = (q, p % q);
            }
            match p {
                0 => Ok(Value::Int(0)),
                p => s.binary_op(
                    ruff_python_ast::Operator::Mult,
                    &Value::Int((x / p).saturating_abs()),
                    &Value::Int(y.saturating_abs()),
                ),
            }
        },
    },
    Builtin {
        name: "prod",
        places: MATH,
        signature: "iterable",
        run: |s, a| {
            let mut product = Value::Int(1);
            for value in s.iterate(a.value("iterable"))? {
                product = s.binary_op(ruff_python_ast::Operator::Mult, &product, &value)?;
            }
            Ok(product)
        },
    },
];

fn checked(s: &mut Interp<'_>, _: &Args, x: f64, y: f64) -> Eval<Value> {
    match (x.is_finite(), y) {
        (true, y) if y.is_nan() => s.value_error("math domain error"),
        (true, y) if y.is_infinite() => s.raise("OverflowError", "math range error"),
        (_, y) => Ok(Value::Float(y)),
    }
}

fn whole(s: &mut Interp<'_>, a: &Args, f: fn(f64) -> f64) -> Eval<Value> {
    if let Value::Int(i) = a.value("x") {
        return Ok(Value::Int(*i));
    }
    match f(a.float(s, "x")?) {
        y if y.abs() < 9.2e18 => Ok(Value::Int(y as i64)),
        _ => s.raise("OverflowError", "cannot convert float to integer"),
    }
}
