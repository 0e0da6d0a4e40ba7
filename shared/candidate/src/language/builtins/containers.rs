//! Methods of strings, lists, dicts, sets and numbers.

use std::rc::Rc;

use super::{Args, Builtin, DICT, LIST, NUMBER, SET, STR};
use crate::language::interp::{Eval, Interp};
use crate::language::value::{List, Table, Value};

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "append",
        places: LIST,
        signature: "self,item",
        run: |s, a| {
            let list = own_list(s, a)?;
            let n = list.items.borrow().len() + 1;
            if n > s.limits.length {
                s.length(n, "list")?;
            }
            list.items.borrow_mut().push(a.value("item").clone());
            Ok(Value::None)
        },
    },
    Builtin {
        name: "extend",
        places: LIST,
        signature: "self,iterable",
        run: |s, a| {
            let list = own_list(s, a)?;
            let more = s.iterate(a.value("iterable"))?;
            let n = list.items.borrow().len() + more.len();
            s.length(n, "list")?;
            list.items.borrow_mut().extend(more);
            Ok(Value::None)
        },
    },
    Builtin {
        name: "insert",
        places: LIST,
        signature: "self,index,item",
        run: |s, a| {
            let list = own_list(s, a)?;
            let n = list.items.borrow().len() as i64;
            s.length(n as usize + 1, "list")?;
            let i = a.int(s, "index")?;
            let at = (if i < 0 { i.saturating_add(n) } else { i }).clamp(0, n) as usize;
            list.items.borrow_mut().insert(at, a.value("item").clone());
            Ok(Value::None)
        },
    },
    Builtin {
        name: "pop",
        places: LIST,
        signature: "self,index?",
        run: |s, a| {
            let list = own_list(s, a)?;
            let n = list.items.borrow().len();
            let index = a.opt("index").cloned().unwrap_or(Value::Int(-1));
            let at = s.position(&index, n, "list")?;
            s.tick((n - at) as u64 / 64 + 1)?;
            let value = list.items.borrow_mut().remove(at);
            Ok(value)
        },
    },
    Builtin {
        name: "reverse",
        places: LIST,
        signature: "self",
        run: |s, a| {
            let list = own_list(s, a)?;
            list.items.borrow_mut().reverse();
            Ok(Value::None)
        },
    },
    Builtin {
        name: "sort",
        places: LIST,
        signature: "self,*,key?,reverse?",
        run: |s, a| {
            let list = own_list(s, a)?;
            let items = list.items.borrow().clone();
            let mut items = super::iteration::sort(s, items, a.opt("key"))?;
            if a.bool_or(s, "reverse", false)? {
                items.reverse();
            }
            *list.items.borrow_mut() = items;
            Ok(Value::None)
        },
    },
    Builtin {
        name: "clear",
        places: LIST,
        signature: "self",
        run: |s, a| {
            let list = own_list(s, a)?;
            list.items.borrow_mut().clear();
            Ok(Value::None)
        },
    },
    Builtin {
        name: "copy",
        places: LIST,
        signature: "self",
        run: |s, a| {
            let items = s.iterate(a.value("self"))?;
            s.list(items)
        },
    },
    Builtin {
        name: "index",
        places: LIST,
        signature: "self,item",
        run: |s, a| {
            for (i, value) in s.iterate(a.value("self"))?.iter().enumerate() {
                if s.equal(value, a.value("item"))? {
                    return Ok(Value::Int(i as i64));
                }
            }
            s.value_error("item is not in list")
        },
    },
    Builtin {
        name: "count",
        places: LIST,
        signature: "self,item",
        run: |s, a| {
            let mut n = 0;
            for value in s.iterate(a.value("self"))? {
                n += i64::from(s.equal(&value, a.value("item"))?);
            }
            Ok(Value::Int(n))
        },
    },
    // `x.shape.numel()`
    Builtin {
        name: "numel",
        places: LIST,
        signature: "self",
        run: |s, a| {
            let mut n = Value::Int(1);
            for value in s.iterate(a.value("self"))? {
                n = s.binary_op(ruff_python_ast::Operator::Mult, &n, &value)?;
            }
            Ok(n)
        },
    },
    Builtin {
        name: "get",
        places: DICT,
        signature: "self,key,default?",
        run: |s, a| {
            let dict = dict(s, a)?;
            let key = s.key(a.value("key"))?;
            let found = dict.map.borrow().get(&key).cloned();
            Ok(found.unwrap_or_else(|| a.value("default").clone()))
        },
    },
    Builtin {
        name: "pop",
        places: DICT,
        signature: "self,key,default?",
        run: |s, a| {
            let dict = dict(s, a)?;
            let key = s.key(a.value("key"))?;
            let n = dict.map.borrow().len() as u64;
            s.tick(n / 8 + 1)?;
            let found = dict.map.borrow_mut().remove(&key);
            match (found, a.get("default")) {
                (Some(value), _) => {
                    s.outlives(dict.born, "a dict")?;
                    Ok(value)
                }
                (None, Some(default)) => Ok(default.clone()),
                (None, None) => {
                    let shown = s.repr(a.value("key"))?;
                    s.raise("KeyError", shown)
                }
            }
        },
    },
    Builtin {
        name: "setdefault",
        places: DICT,
        signature: "self,key,default?",
        run: |s, a| {
            let dict = dict(s, a)?;
            let key = s.key(a.value("key"))?;
            let found = dict.map.borrow().get(&key).cloned();
            if let Some(value) = found {
                return Ok(value);
            }
            s.set_item(a.value("self"), a.value("key"), a.value("default").clone())?;
            Ok(a.value("default").clone())
        },
    },
    Builtin {
        name: "update",
        places: DICT,
        signature: "self,other?,**",
        run: |s, a| {
            if let Some(Value::Dict(other)) = a.opt("other") {
                let entries: Vec<_> = other.map.borrow().iter().map(|(n, v)| (n.clone(), v.clone())).collect();
                for (name, value) in entries {
                    s.set_item(a.value("self"), &name, value)?;
                }
            }
            for (name, value) in &a.extra {
                s.set_item(a.value("self"), &Value::str(name), value.clone())?;
            }
            Ok(Value::None)
        },
    },
    Builtin {
        name: "keys",
        places: DICT,
        signature: "self",
        run: |s, a| {
            let items = s.iterate(a.value("self"))?;
            s.list(items)
        },
    },
    Builtin {
        name: "values",
        places: DICT,
        signature: "self",
        run: |s, a| {
            let items = dict(s, a)?.map.borrow().iter().map(|(_, v)| v.clone()).collect();
            s.list(items)
        },
    },
    Builtin {
        name: "items",
        places: DICT,
        signature: "self",
        run: |s, a| {
            let items =
                dict(s, a)?.map.borrow().iter().map(|(n, v)| Value::tuple(vec![n.clone(), v.clone()])).collect();
            s.list(items)
        },
    },
    Builtin {
        name: "copy",
        places: DICT,
        signature: "self",
        run: |s, a| {
            let copy = dict(s, a)?.map.borrow().clone();
            s.dict(copy)
        },
    },
    Builtin {
        name: "add",
        places: SET,
        signature: "self,item",
        run: |s, a| {
            let Value::Set(set) = a.value("self") else { return s.type_error("add() of something that is not a set") };
            let key = s.key(a.value("item"))?;
            s.outlives(set.born, "a set")?;
            set.map.borrow_mut().insert(key, a.value("item").clone(), Value::None);
            let n = set.map.borrow().len();
            if n > s.limits.length {
                s.length(n, "set")?;
            }
            Ok(Value::None)
        },
    },
    Builtin {
        name: "isdigit",
        places: STR,
        signature: "self",
        run: |s, a| {
            let text = a.string(s, "self")?;
            Ok(Value::Bool(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())))
        },
    },
    Builtin { name: "title", places: STR, signature: "self", run: |s, a| text(s, a, title) },
    Builtin { name: "capitalize", places: STR, signature: "self", run: |s, a| text(s, a, capitalize) },
    Builtin { name: "lower", places: STR, signature: "self", run: |s, a| text(s, a, |t| t.to_lowercase()) },
    Builtin { name: "upper", places: STR, signature: "self", run: |s, a| text(s, a, |t| t.to_uppercase()) },
    Builtin { name: "strip", places: STR, signature: "self", run: |s, a| text(s, a, |t| t.trim().to_owned()) },
    Builtin {
        name: "startswith",
        places: STR,
        signature: "self,prefix",
        run: |s, a| {
            let (text, prefix) = (a.string(s, "self")?, a.string(s, "prefix")?);
            Ok(Value::Bool(text.starts_with(&*prefix)))
        },
    },
    Builtin {
        name: "endswith",
        places: STR,
        signature: "self,suffix",
        run: |s, a| {
            let (text, suffix) = (a.string(s, "self")?, a.string(s, "suffix")?);
            Ok(Value::Bool(text.ends_with(&*suffix)))
        },
    },
    Builtin {
        name: "split",
        places: STR,
        signature: "self,sep?",
        run: |s, a| {
            let text = a.string(s, "self")?;
            let parts: Vec<Value> = match a.opt("sep") {
                Some(_) => {
                    let sep = a.string(s, "sep")?;
                    if sep.is_empty() {
                        return s.value_error("empty separator");
                    }
                    text.split(&*sep).map(Value::str).collect()
                }
                None => text.split_whitespace().map(Value::str).collect(),
            };
            s.list(parts)
        },
    },
    Builtin {
        name: "join",
        places: STR,
        signature: "self,iterable",
        run: |s, a| {
            let sep = a.string(s, "self")?;
            let mut parts = Vec::new();
            let mut total = 0;
            for value in s.iterate(a.value("iterable"))? {
                let Value::Str(part) = value else { return s.type_error("join() needs strings") };
                total += part.len() + sep.len();
                s.length(total, "string")?;
                parts.push(part.to_string());
            }
            Ok(Value::str(&parts.join(&sep)))
        },
    },
    Builtin {
        name: "replace",
        places: STR,
        signature: "self,old,new",
        run: |s, a| {
            let (text, old, new) = (a.string(s, "self")?, a.string(s, "old")?, a.string(s, "new")?);
            s.length((text.len() + 1).saturating_mul(new.len() + 1), "string")?;
            Ok(Value::str(&text.replace(&*old, &new)))
        },
    },
    Builtin {
        name: "format",
        places: STR,
        signature: "self,*rest,**",
        run: |s, _| s.unsupported("str.format() is not supported; use an f-string"),
    },
    Builtin {
        name: "bit_length",
        places: NUMBER,
        signature: "self",
        run: |s, a| {
            let i = a.int(s, "self")?;
            Ok(Value::Int(i64::from(64 - i.unsigned_abs().leading_zeros())))
        },
    },
    Builtin {
        name: "is_integer",
        places: NUMBER,
        signature: "self",
        run: |s, a| Ok(Value::Bool(a.float(s, "self")?.fract() == 0.0)),
    },
];

fn own_list(s: &mut Interp<'_>, a: &Args) -> Eval<Rc<List>> {
    match a.value("self") {
        Value::List(list) => {
            s.outlives(list.born, "a list")?;
            Ok(list.clone())
        }
        other => s.raise("AttributeError", format!("'{}' object has no attribute '{}'", other.kind(), a.name)),
    }
}

fn dict(s: &mut Interp<'_>, a: &Args) -> Eval<Rc<Table>> {
    match a.value("self") {
        Value::Dict(dict) => Ok(dict.clone()),
        other => s.type_error(format!("expected a dict, got {}", other.kind())),
    }
}

fn text(s: &mut Interp<'_>, a: &Args, f: fn(&str) -> String) -> Eval<Value> {
    let text = a.string(s, "self")?;
    Ok(Value::str(&f(&text)))
}

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
}

fn title(text: &str) -> String {
    text.split_inclusive(|c: char| !c.is_alphabetic()).map(capitalize).collect()
}
