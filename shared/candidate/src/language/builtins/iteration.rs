//! Functions of Python that walk over containers.

use super::{Args, Builtin, FUNCTOOLS, PYTHON};
use crate::language::interp::{Eval, Interp};
use crate::language::number::range_len;
use crate::language::value::Value;

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
                Value::Instance(object) if object.class.is_a("NamedTuple") => object.tuple_items().len(),
                Value::Instance(object) if s.special(object, "__len__").is_some() => {
                    let method = s.special(object, "__len__").expect("just found");
                    return s.call(&method, vec![], vec![]);
                }
                other => return s.type_error(format!("object of type '{}' has no len()", other.kind())),
            };
            Ok(Value::Int(n as i64))
        },
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
];

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
