//! Python's own functions and types.

use std::rc::Rc;

use super::{Args, Builtin, DATACLASSES, FUNCTOOLS, PYTHON, WARNINGS};
use crate::finding::FindingKind;
use crate::ir::{DType, Unary};
use crate::language::interp::{Eval, Interp, Stop};
use crate::language::number::{number, range_len};
use crate::language::tensor::Role;
use crate::language::value::{Dict, Value};

/// Types that can be called and asked for by `isinstance`.
pub const TYPES: &[&str] =
    &["int", "float", "bool", "str", "list", "tuple", "dict", "set", "frozenset", "range", "object", "type", "slice"];

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "len",
        places: PYTHON,
        signature: "obj",
        run: |s, a| {
            let n = match a.value("obj") {
                Value::Str(text) => text.chars().count(),
                Value::Tuple(items) => items.len(),
                Value::List(list) => list.items.borrow().len(),
                Value::Dict(table) | Value::Set(table) => table.map.borrow().len(),
                Value::Range(start, stop, step) => range_len(*start, *stop, *step),
                Value::Tensor(t) => match s.dims(t)?.first() {
                    Some(&n) => n,
                    None => return s.type_error("len() of a 0-d tensor"),
                },
                Value::Instance(object) if object.class.is_a("Module") => super::children(object).len(),
                other => return s.type_error(format!("object of type '{}' has no len()", other.kind())),
            };
            Ok(Value::Int(n as i64))
        },
    },
    Builtin { name: "print", places: PYTHON, signature: "*rest,**", run: |_, _| Ok(Value::None) },
    Builtin {
        name: "warn|filterwarnings|simplefilter",
        places: WARNINGS,
        signature: "*rest,**",
        run: |_, _| Ok(Value::None),
    },
    Builtin {
        name: "enumerate",
        places: PYTHON,
        signature: "iterable,start?",
        run: |s, a| {
            let start = a.int_or(s, "start", 0)?;
            let items = s.iterate(a.value("iterable"))?;
            let pairs = items
                .into_iter()
                .enumerate()
                .map(|(i, v)| Value::tuple(vec![Value::Int(start + i as i64), v]))
                .collect();
            s.list(pairs)
        },
    },
    Builtin {
        name: "zip",
        places: PYTHON,
        signature: "*iterables,strict?",
        run: |s, a| {
            let columns: Vec<Vec<Value>> = a.rest.iter().map(|v| s.iterate(v)).collect::<Eval<_>>()?;
            let n = columns.iter().map(Vec::len).min().unwrap_or(0);
            let rows = (0..n).map(|i| Value::tuple(columns.iter().map(|c| c[i].clone()).collect())).collect();
            s.list(rows)
        },
    },
    Builtin {
        name: "map",
        places: PYTHON,
        signature: "function,*iterables",
        run: |s, a| {
            let columns: Vec<Vec<Value>> = a.rest.iter().map(|v| s.iterate(v)).collect::<Eval<_>>()?;
            let n = columns.iter().map(Vec::len).min().unwrap_or(0);
            let mut out = Vec::new();
            for i in 0..n {
                out.push(s.call(a.value("function"), columns.iter().map(|c| c[i].clone()).collect(), vec![])?);
            }
            s.list(out)
        },
    },
    Builtin {
        name: "filter",
        places: PYTHON,
        signature: "function,iterable",
        run: |s, a| {
            let mut out = Vec::new();
            for value in s.iterate(a.value("iterable"))? {
                let kept = match a.value("function") {
                    Value::None => value.clone(),
                    f => s.call(f, vec![value.clone()], vec![])?,
                };
                if s.truth(&kept)? {
                    out.push(value);
                }
            }
            s.list(out)
        },
    },
    Builtin {
        name: "reversed",
        places: PYTHON,
        signature: "sequence",
        run: |s, a| {
            let mut items = s.iterate(a.value("sequence"))?;
            items.reverse();
            s.list(items)
        },
    },
    Builtin {
        name: "sorted",
        places: PYTHON,
        signature: "iterable,*,key?,reverse?",
        run: |s, a| {
            let items = s.iterate(a.value("iterable"))?;
            let items = sort(s, items, a.opt("key"))?;
            let reverse = a.bool_or(s, "reverse", false)?;
            let items = if reverse { items.into_iter().rev().collect() } else { items };
            s.list(items)
        },
    },
    Builtin {
        name: "iter",
        places: PYTHON,
        signature: "iterable",
        run: |s, a| {
            let items = s.iterate(a.value("iterable"))?;
            s.list(items)
        },
    },
    Builtin {
        name: "next",
        places: PYTHON,
        signature: "iterator,default?",
        run: |s, a| {
            // Iterators are lists here: only a first element can be asked for.
            match (s.iterate(a.value("iterator"))?.into_iter().next(), a.get("default")) {
                (Some(value), _) => Ok(value),
                (None, Some(default)) => Ok(default.clone()),
                (None, None) => s.raise("StopIteration", ""),
            }
        },
    },
    Builtin {
        name: "sum",
        places: PYTHON,
        signature: "iterable,start?",
        run: |s, a| {
            let mut total = a.opt("start").cloned().unwrap_or(Value::Int(0));
            for value in s.iterate(a.value("iterable"))? {
                total = match (&total, &value) {
                    (Value::Int(0), Value::Tensor(_)) => value,
                    _ => s.binary_op(ruff_python_ast::Operator::Add, &total, &value)?,
                };
            }
            Ok(total)
        },
    },
    Builtin { name: "min", places: PYTHON, signature: "*args,key?,default?", run: |s, a| pick(s, a, false) },
    Builtin { name: "max", places: PYTHON, signature: "*args,key?,default?", run: |s, a| pick(s, a, true) },
    Builtin {
        name: "any",
        places: PYTHON,
        signature: "iterable",
        run: |s, a| {
            for value in s.iterate(a.value("iterable"))? {
                if s.truth(&value)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        },
    },
    Builtin {
        name: "all",
        places: PYTHON,
        signature: "iterable",
        run: |s, a| {
            for value in s.iterate(a.value("iterable"))? {
                if !s.truth(&value)? {
                    return Ok(Value::Bool(false));
                }
            }
            Ok(Value::Bool(true))
        },
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
    Builtin {
        name: "isinstance",
        places: PYTHON,
        signature: "obj,classinfo",
        run: |s, a| {
            let kinds = match a.value("classinfo") {
                Value::Tuple(kinds) => kinds.to_vec(),
                kind => vec![kind.clone()],
            };
            for kind in &kinds {
                if is_instance(s, a.value("obj"), kind)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        },
    },
    Builtin {
        name: "issubclass",
        places: PYTHON,
        signature: "cls,classinfo",
        run: |s, a| match (a.value("cls"), a.value("classinfo")) {
            (Value::Class(c), Value::Class(d)) => Ok(Value::Bool(c.lineage().iter().any(|l| Rc::ptr_eq(l, d)))),
            _ => s.unsupported("issubclass() of these is not supported"),
        },
    },
    Builtin {
        name: "callable",
        places: PYTHON,
        signature: "obj",
        run: |_, a| {
            Ok(Value::Bool(matches!(
                a.value("obj"),
                Value::Function(_)
                    | Value::Native(_)
                    | Value::Bound(_)
                    | Value::Partial(_)
                    | Value::Class(_)
                    | Value::Type(_)
                    | Value::Instance(_)
            )))
        },
    },
    Builtin {
        name: "hasattr",
        places: PYTHON,
        signature: "obj,name",
        run: |s, a| {
            let name = a.string(s, "name")?;
            Ok(Value::Bool(try_attribute(s, a.value("obj"), &name)?.is_some()))
        },
    },
    Builtin {
        name: "getattr",
        places: PYTHON,
        signature: "obj,name,default?",
        run: |s, a| {
            let name = a.string(s, "name")?;
            match a.get("default") {
                None => s.attribute(a.value("obj"), &name),
                Some(default) => Ok(try_attribute(s, a.value("obj"), &name)?.unwrap_or_else(|| default.clone())),
            }
        },
    },
    Builtin {
        name: "setattr",
        places: PYTHON,
        signature: "obj,name,value",
        run: |s, a| {
            let name = a.string(s, "name")?;
            s.set_attribute(a.value("obj"), &name, a.value("value").clone())?;
            Ok(Value::None)
        },
    },
    Builtin {
        name: "id|hash",
        places: PYTHON,
        signature: "obj",
        run: |s, _| s.unsupported("id() and hash() are not supported"),
    },
    Builtin {
        name: "repr",
        places: PYTHON,
        signature: "obj",
        run: |s, a| {
            let text = s.repr(a.value("obj"))?;
            Ok(Value::str(&text))
        },
    },
    Builtin {
        name: "super",
        places: PYTHON,
        signature: "cls,obj",
        run: |s, a| match a.value("cls") {
            Value::Class(class) => Ok(Value::Super(Rc::new((class.clone(), a.value("obj").clone())))),
            other => s.type_error(format!("super(): the first argument must be a class, not {}", other.kind())),
        },
    },
    Builtin {
        name: "partial",
        places: FUNCTOOLS,
        signature: "func,*rest,**",
        run: |_, a| Ok(Value::Partial(Rc::new((a.value("func").clone(), a.rest.clone(), a.extra.clone())))),
    },
    Builtin {
        name: "reduce",
        places: FUNCTOOLS,
        signature: "function,iterable,initial?",
        run: |s, a| {
            let mut items = s.iterate(a.value("iterable"))?.into_iter();
            let first = match a.get("initial") {
                Some(initial) => Some(initial.clone()),
                None => items.next(),
            };
            let Some(mut total) = first else {
                return s.type_error("reduce() of an empty iterable with no initial value");
            };
            for item in items {
                total = s.call(a.value("function"), vec![total, item], vec![])?;
            }
            Ok(total)
        },
    },
    Builtin {
        name: "field",
        places: DATACLASSES,
        signature: "*,default?,default_factory?,init?,repr?,compare?",
        run: |s, a| match a.get("default_factory") {
            Some(factory) => s.call(factory, vec![], vec![]),
            None => Ok(a.value("default").clone()),
        },
    },
];

/// An attribute, or nothing where Python would raise AttributeError.
fn try_attribute(s: &mut Interp<'_>, object: &Value, name: &str) -> Eval<Option<Value>> {
    match s.attribute(object, name) {
        Ok(value) => Ok(Some(value)),
        Err(Stop::Raise(raised)) if &*raised.class.name == "AttributeError" => Ok(None),
        Err(Stop::Fault(finding)) if finding.kind == FindingKind::Name => Ok(None),
        Err(other) => Err(other),
    }
}

fn is_instance(s: &mut Interp<'_>, value: &Value, kind: &Value) -> Eval<bool> {
    Ok(match (value, kind) {
        (Value::Instance(object), Value::Class(class)) => object.class.lineage().iter().any(|c| Rc::ptr_eq(c, class)),
        (Value::Tensor(t), Value::Class(class)) => {
            &*class.name == "Parameter" && matches!(t.storage.role.get(), Role::Parameter(_))
        }
        (_, Value::Type(name)) => matches!(
            (value, *name),
            (_, "object")
                | (Value::Bool(_), "bool" | "int")
                | (Value::Int(_), "int")
                | (Value::Float(_), "float")
                | (Value::Str(_), "str")
                | (Value::List(_), "list")
                | (Value::Tuple(_), "tuple")
                | (Value::Dict(_), "dict")
                | (Value::Set(_), "set")
                | (Value::Range(..), "range")
                | (Value::Slice(_), "slice")
                | (Value::Tensor(_), "Tensor")
                | (Value::DType(_), "dtype")
                | (Value::Device, "device")
                | (Value::Class(_) | Value::Type(_), "type")
        ),
        (_, Value::Class(_)) => false,
        (_, Value::Tuple(kinds)) => {
            for kind in kinds.iter() {
                if s.deeper(|s| is_instance(s, value, kind))? {
                    return Ok(true);
                }
            }
            false
        }
        (_, Value::Typing) => return s.unsupported("isinstance() with a type from typing is not supported"),
        (_, other) => return s.type_error(format!("isinstance() with {}", other.kind())),
    })
}

/// Stable sort by key.
pub fn sort(s: &mut Interp<'_>, items: Vec<Value>, key: Option<&Value>) -> Eval<Vec<Value>> {
    let mut keyed = Vec::new();
    for item in items {
        let key = match key {
            Some(f) => s.call(f, vec![item.clone()], vec![])?,
            None => item.clone(),
        };
        keyed.push((key, item));
    }
    // Insertion by binary search: comparisons can fail, which `sort_by` has no place for.
    let mut sorted: Vec<(Value, Value)> = Vec::with_capacity(keyed.len());
    for (key, item) in keyed {
        let (mut low, mut high) = (0, sorted.len());
        while low < high {
            let middle = (low + high) / 2;
            match s.order(&key, &sorted[middle].0)? {
                None => {
                    return s.type_error(format!(
                        "'{}' and '{}' cannot be ordered",
                        key.kind(),
                        sorted[middle].0.kind()
                    ));
                }
                Some(Some(std::cmp::Ordering::Less)) => high = middle,
                _ => low = middle + 1,
            }
        }
        s.tick(sorted.len() as u64 / 64 + 1)?;
        sorted.insert(low, (key, item));
    }
    Ok(sorted.into_iter().map(|(_, item)| item).collect())
}

fn pick(s: &mut Interp<'_>, a: &Args, max: bool) -> Eval<Value> {
    let items = match &a.rest[..] {
        [one] => s.iterate(one)?,
        items => items.to_vec(),
    };
    let mut best: Option<(Value, Value)> = None;
    for item in items {
        let key = match a.opt("key") {
            Some(f) => s.call(f, vec![item.clone()], vec![])?,
            None => item.clone(),
        };
        let better = match &best {
            None => true,
            Some((top, _)) => {
                let op = if max { ruff_python_ast::CmpOp::Gt } else { ruff_python_ast::CmpOp::Lt };
                let better = s.compare_op(op, &key, top)?;
                s.truth(&better)?
            }
        };
        if better {
            best = Some((key, item));
        }
    }
    match (best, a.get("default")) {
        (Some((_, item)), _) => Ok(item),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => s.value_error(format!("{}() of an empty sequence", a.name)),
    }
}

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
