//! Names of Python itself, and conversions between its types.

use std::rc::Rc;

use super::{Builtin, PYTHON, WARNINGS};
use crate::ir::{DType, Unary};
use crate::language::interp::{Eval, Interp, Stop};
use crate::language::number::number;
use crate::language::value::{Dict, Value};

/// Types that can be called and asked for by `isinstance`.
pub const TYPES: &[&str] =
    &["int", "float", "bool", "str", "list", "tuple", "dict", "set", "frozenset", "range", "object", "type", "slice"];

pub const TABLE: &[Builtin] = &[
    Builtin { name: "print", places: PYTHON, signature: "*rest,**", run: |_, _| Ok(Value::None) },
    Builtin {
        name: "warn|filterwarnings|simplefilter",
        places: WARNINGS,
        signature: "*rest,**",
        run: |_, _| Ok(Value::None),
    },
    Builtin {
        name: "abs",
        places: PYTHON,
        signature: "x",
        run: |s, a| match a.value("x") {
            Value::Int(i) => Ok(Value::Int(i.saturating_abs())),
            Value::Bool(b) => Ok(Value::Int(i64::from(*b))),
            Value::Float(x) => Ok(Value::Float(x.abs())),
            Value::Tensor(t) => s.map_unary(&t.clone(), Unary::Abs),
            other => s.type_error(format!("bad operand type for abs(): '{}'", other.kind())),
        },
    },
    Builtin {
        name: "round",
        places: PYTHON,
        signature: "number,ndigits?",
        run: |s, a| {
            if let Value::Int(i) = a.value("number") {
                return Ok(Value::Int(*i));
            }
            let x = a.float(s, "number")?;
            match a.opt("ndigits") {
                None if x.abs() < 9e18 => Ok(Value::Int(x.round_ties_even() as i64)),
                None => s.raise("OverflowError", "cannot convert float to integer"),
                Some(_) => {
                    let scale = 10f64.powi(a.int(s, "ndigits")?.clamp(-300, 300) as i32);
                    Ok(Value::Float((x * scale).round_ties_even() / scale))
                }
            }
        },
    },
    Builtin {
        name: "pow",
        places: PYTHON,
        signature: "base,exp",
        run: |s, a| s.binary_op(ruff_python_ast::Operator::Pow, a.value("base"), a.value("exp")),
    },
    Builtin {
        name: "divmod",
        places: PYTHON,
        signature: "x,y",
        run: |s, a| {
            let quotient = s.binary_op(ruff_python_ast::Operator::FloorDiv, a.value("x"), a.value("y"))?;
            let rest = s.binary_op(ruff_python_ast::Operator::Mod, a.value("x"), a.value("y"))?;
            Ok(Value::tuple(vec![quotient, rest]))
        },
    },
];

impl Interp<'_> {
    /// A name that Python itself defines.
    pub fn builtin_name(&mut self, name: &str) -> Option<Value> {
        if let Some(builtin) = super::find(PYTHON, name) {
            return Some(Value::Native(builtin));
        }
        if let Some(kind) = TYPES.iter().find(|t| **t == name) {
            return Some(Value::Type(kind));
        }
        if let Some(class) = self.classes.get(name)
            && class.is_a("BaseException")
        {
            return Some(Value::Class(class.clone()));
        }
        match name {
            "staticmethod" => Some(Value::Decorator("staticmethod")),
            "classmethod" => Some(Value::Decorator("classmethod")),
            "property" => Some(Value::Decorator("property")),
            "__name__" => Some(Value::str("candidate")),
            "NotImplemented" => Some(Value::None),
            _ => None,
        }
    }

    /// `int(x)`, `list(x)`, `torch.Tensor(x)` and the like.
    pub fn convert(&mut self, kind: &'static str, args: Vec<Value>, named: Vec<(String, Value)>) -> Eval<Value> {
        let first = args.first().cloned();
        match (kind, first) {
            (_, Some(Value::Poison)) => Err(Stop::Poisoned),
            ("int", None) => Ok(Value::Int(0)),
            ("int", Some(Value::Str(text))) => match text.trim().parse() {
                Ok(i) => Ok(Value::Int(i)),
                Err(_) => self.value_error(format!("invalid literal for int(): '{text}'")),
            },
            ("int", Some(Value::Int(i))) => Ok(Value::Int(i)),
            ("int", Some(value)) => match self.scalar_of(&value, "int()")? {
                x if x.abs() < 9.2e18 => Ok(Value::Int(x.trunc() as i64)),
                _ => self.raise("OverflowError", "cannot convert float to integer"),
            },
            ("float", None) => Ok(Value::Float(0.0)),
            ("float", Some(Value::Str(text))) => match text.trim().to_lowercase().replace("infinity", "inf").parse() {
                Ok(x) => Ok(Value::Float(x)),
                Err(_) => self.value_error(format!("could not convert string to float: '{text}'")),
            },
            ("float", Some(value)) => self.scalar_of(&value, "float()").map(Value::Float),
            ("bool", None) => Ok(Value::Bool(false)),
            ("bool", Some(value)) => self.truth(&value).map(Value::Bool),
            ("str", None) => Ok(Value::str("")),
            ("str", Some(value)) => {
                let text = self.text(&value)?;
                Ok(Value::str(&text))
            }
            ("list", None) => self.list(vec![]),
            ("list", Some(value)) => {
                let items = self.iterate(&value)?;
                self.list(items)
            }
            ("tuple", None) => Ok(Value::tuple(vec![])),
            ("tuple", Some(value)) => Ok(Value::tuple(self.iterate(&value)?)),
            ("set" | "frozenset", None) => self.set(vec![]),
            ("set" | "frozenset", Some(value)) => {
                let items = self.iterate(&value)?;
                self.set(items)
            }
            ("dict", first) => {
                let mut dict = Dict::default();
                match first {
                    None => {}
                    Some(Value::Dict(table)) => dict = table.map.borrow().clone(),
                    Some(value) => {
                        for pair in self.iterate(&value)? {
                            let pair = self.iterate(&pair)?;
                            let [name, value] = &pair[..] else {
                                return self.value_error("dict() needs pairs");
                            };
                            let key = self.key(name)?;
                            dict.insert(key, name.clone(), value.clone());
                        }
                    }
                }
                named.into_iter().for_each(|(name, value)| dict.insert_str(&name, value));
                self.dict(dict)
            }
            ("range", _) => {
                let mut bounds = Vec::new();
                for value in &args {
                    bounds.push(match value {
                        Value::Int(i) => *i,
                        Value::Bool(b) => i64::from(*b),
                        Value::Tensor(_) => self.scalar_of(value, "a range bound")? as i64,
                        other => {
                            return self
                                .type_error(format!("'{}' object cannot be interpreted as an integer", other.kind()));
                        }
                    });
                }
                match bounds[..] {
                    [stop] => Ok(Value::Range(0, stop, 1)),
                    [start, stop] => Ok(Value::Range(start, stop, 1)),
                    [_, _, 0] => self.value_error("range() step must not be zero"),
                    [start, stop, step] => Ok(Value::Range(start, stop, step)),
                    _ => self.type_error("range() takes 1 to 3 arguments"),
                }
            }
            ("slice", _) => {
                let mut parts = args;
                match parts.len() {
                    1 => parts.insert(0, Value::None),
                    2 | 3 => {}
                    _ => return self.type_error("slice() takes 1 to 3 arguments"),
                }
                parts.resize(3, Value::None);
                let [start, stop, step] =
                    <[Value; 3]>::try_from(parts).unwrap_or([Value::None, Value::None, Value::None]);
                Ok(Value::Slice(Rc::new([start, stop, step])))
            }
            ("type", Some(value)) => match value {
                Value::Instance(object) => Ok(Value::Class(object.class.clone())),
                Value::Tensor(_) => Ok(Value::Type("Tensor")),
                value => {
                    let kind = value.kind();
                    match TYPES.iter().find(|t| **t == kind) {
                        Some(kind) => Ok(Value::Type(kind)),
                        None => self.unsupported(format!("type() of {kind} is not supported")),
                    }
                }
            },
            ("object", _) => self.unsupported("object() is not supported"),
            ("Tensor" | "LongTensor", Some(value)) => {
                let dtype = if kind == "Tensor" { DType::F32 } else { DType::I64 };
                match number(&value) {
                    // `torch.Tensor(2, 3)` is an uninitialised tensor of that shape.
                    Some(_) => {
                        let mut size = Vec::new();
                        for value in &args {
                            match value {
                                Value::Int(i) if *i >= 0 => size.push(*i as usize),
                                _ => return self.type_error("torch.Tensor() takes sizes or a list"),
                            }
                        }
                        let made = self.graph.full(&size, 0.0, dtype);
                        self.tensor(made)
                    }
                    None => super::create::literal(self, &value, Some(dtype)),
                }
            }
            ("device", _) => Ok(Value::Device),
            ("Generator", _) => Ok(Value::None),
            (kind, _) => self.unsupported(format!("{kind}() is not supported here")),
        }
    }
}
