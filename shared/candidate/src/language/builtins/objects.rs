//! Functions of Python that ask about objects.

use std::rc::Rc;

use super::{Builtin, DATACLASSES, FUNCTOOLS, PYTHON};
use crate::finding::FindingKind;
use crate::language::interp::{Eval, Interp, Stop};
use crate::language::tensor::Role;
use crate::language::value::Value;

pub const TABLE: &[Builtin] = &[
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
        name: "delattr",
        places: PYTHON,
        signature: "obj,name",
        run: |s, a| {
            let name = a.string(s, "name")?;
            s.delete_attribute(a.value("obj"), &name)?;
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

/// `isinstance(value, kind)`
pub fn is_instance(s: &mut Interp<'_>, value: &Value, kind: &Value) -> Eval<bool> {
    Ok(match (value, kind) {
        (Value::Instance(object), Value::Class(class)) => object.class.lineage().iter().any(|c| Rc::ptr_eq(c, class)),
        (Value::Tensor(t), Value::Class(class)) => {
            &*class.name == "Parameter" && matches!(t.storage.role.get(), Role::Parameter(_))
        }
        (Value::Instance(object), Value::Type("tuple")) => object.class.is_a("NamedTuple"),
        (_, Value::Type(name)) => matches!(
            (value, *name),
            (_, "object")
                | (Value::Bool(_), "bool" | "int")
                | (Value::Int(_), "int")
                | (Value::Float(_), "float")
                | (Value::Str(_), "str")
                | (Value::List(_), "list")
                | (Value::Tuple(_), "tuple")
                | (Value::Function(_) | Value::Native(_) | Value::Bound(_), "function")
                | (Value::Dict(_), "dict")
                | (Value::Set(_), "set")
                | (Value::Range(..), "range")
                | (Value::Slice(_), "slice")
                | (Value::Tensor(_) | Value::Complex(_), "Tensor")
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
        (_, Value::Missing(_) | Value::Silent) | (Value::None, Value::Typing) => false,
        (_, Value::Typing) => return s.unsupported("isinstance() with a type from typing is not supported"),
        (_, other) => return s.type_error(format!("isinstance() with {}", other.kind())),
    })
}
