//! What every module can do, and walking over modules and their parameters.

use std::rc::Rc;

use super::{Args, Builtin};
use crate::language::interp::{Eval, Interp};
use crate::language::value::{Instance, Value};

/// Methods of every module.
pub const MODULE: &[Builtin] = &[
    Builtin { name: "__init__", places: 0, signature: "self,*rest,**", run: |_, _| Ok(Value::None) },
    Builtin {
        name: "register_buffer",
        places: 0,
        signature: "self,name,tensor,persistent?",
        run: |s, a| {
            let this = object(s, a)?;
            let name = a.string(s, "name")?;
            s.outlives(this.born, &name)?;
            if !matches!(a.value("tensor"), Value::Tensor(_) | Value::Complex(_) | Value::None) {
                return s.type_error(format!("register_buffer(): '{name}' must be a tensor or None"));
            }
            let persistent = a.bool_or(s, "persistent", true)?;
            this.set(&name, a.value("tensor").clone());
            let mut buffers = this.buffers.borrow_mut();
            buffers.retain(|(own, _)| *own != name);
            buffers.push((name, persistent));
            Ok(Value::None)
        },
    },
    Builtin {
        name: "register_parameter",
        places: 0,
        signature: "self,name,param",
        run: |s, a| {
            let name = a.string(s, "name")?;
            object(s, a)?.set(&name, a.value("param").clone());
            Ok(Value::None)
        },
    },
    Builtin {
        name: "add_module",
        places: 0,
        signature: "self,name,module",
        run: |s, a| {
            let name = a.string(s, "name")?;
            object(s, a)?.set(&name, a.value("module").clone());
            Ok(Value::None)
        },
    },
    Builtin {
        name: "register_module",
        places: 0,
        signature: "self,name,module",
        run: |s, a| {
            let name = a.string(s, "name")?;
            object(s, a)?.set(&name, a.value("module").clone());
            Ok(Value::None)
        },
    },
    Builtin {
        name: "parameters",
        places: 0,
        signature: "self,recurse?",
        run: |s, a| {
            let found = named_parameters(&object(s, a)?).into_iter().map(|(_, t)| t).collect();
            s.list(found)
        },
    },
    Builtin {
        name: "named_parameters",
        places: 0,
        signature: "self,prefix?,recurse?",
        run: |s, a| {
            let found = named_parameters(&object(s, a)?)
                .into_iter()
                .map(|(n, t)| Value::tuple(vec![Value::str(&n), t]))
                .collect();
            s.list(found)
        },
    },
    Builtin {
        name: "children",
        places: 0,
        signature: "self",
        run: |s, a| {
            let found = submodules(&*object(s, a)?).into_iter().map(|(_, m)| Value::Instance(m)).collect();
            s.list(found)
        },
    },
    Builtin {
        name: "named_children",
        places: 0,
        signature: "self",
        run: |s, a| {
            let found = submodules(&*object(s, a)?)
                .into_iter()
                .map(|(n, m)| Value::tuple(vec![Value::Str(n), Value::Instance(m)]))
                .collect();
            s.list(found)
        },
    },
    Builtin {
        name: "modules",
        places: 0,
        signature: "self",
        run: |s, a| {
            let found = all_modules(&object(s, a)?).into_iter().map(|(_, m)| Value::Instance(m)).collect();
            s.list(found)
        },
    },
    Builtin {
        name: "named_modules",
        places: 0,
        signature: "self",
        run: |s, a| {
            let found = all_modules(&object(s, a)?)
                .into_iter()
                .map(|(n, m)| Value::tuple(vec![Value::str(&n), Value::Instance(m)]))
                .collect();
            s.list(found)
        },
    },
    Builtin {
        name: "buffers",
        places: 0,
        signature: "self,recurse?",
        run: |s, a| {
            let mut found = Vec::new();
            for (_, module) in all_modules(&object(s, a)?) {
                found.extend(module.buffers.borrow().iter().filter_map(|(n, _)| module.get(n)));
            }
            s.list(found)
        },
    },
    Builtin {
        name: "apply",
        places: 0,
        signature: "self,fn",
        run: |s, a| {
            // Children before parents, as PyTorch does.
            let modules = all_modules(&object(s, a)?);
            for (_, module) in modules.into_iter().rev() {
                s.call(a.value("fn"), vec![Value::Instance(module)], vec![])?;
            }
            Ok(a.value("self").clone())
        },
    },
    Builtin { name: "train", places: 0, signature: "self,mode?", run: |_, a| Ok(a.value("self").clone()) },
    Builtin { name: "eval", places: 0, signature: "self", run: |_, a| Ok(a.value("self").clone()) },
    Builtin { name: "to", places: 0, signature: "self,*rest,**", run: |_, a| Ok(a.value("self").clone()) },
    Builtin { name: "float", places: 0, signature: "self", run: |_, a| Ok(a.value("self").clone()) },
    Builtin { name: "cuda", places: 0, signature: "self,**", run: |_, a| Ok(a.value("self").clone()) },
    Builtin {
        name: "requires_grad_",
        places: 0,
        signature: "self,requires_grad?",
        run: |s, a| {
            let on = a.bool_or(s, "requires_grad", true)?;
            for (_, parameter) in named_parameters(&object(s, a)?) {
                s.set_attribute(&parameter, "requires_grad", Value::Bool(on))?;
            }
            Ok(a.value("self").clone())
        },
    },
    Builtin { name: "extra_repr", places: 0, signature: "self", run: |_, _| Ok(Value::str("")) },
];

/// The object that a method was called on.
pub fn object(s: &mut Interp<'_>, a: &Args) -> Eval<Rc<Instance>> {
    match a.value("self") {
        Value::Instance(object) => Ok(object.clone()),
        other => s.type_error(format!("{}() of {}", a.name, other.kind())),
    }
}

/// Numbered or named entries of a container module: modules and parameters.
pub fn children(object: &Instance) -> Vec<(Rc<str>, Value)> {
    let attrs = object.attrs.borrow();
    let entries = attrs.strings().filter(|(_, v)| matches!(v, Value::Instance(_) | Value::Tensor(_)));
    entries.map(|(n, v)| (n, v.clone())).collect()
}

/// The modules that a module holds itself.
pub fn submodules(object: &Instance) -> Vec<(Rc<str>, Rc<Instance>)> {
    let attrs = object.attrs.borrow();
    attrs
        .strings()
        .filter_map(|(n, v)| match v {
            Value::Instance(m) if m.class.is_a("Module") => Some((n, m.clone())),
            _ => None,
        })
        .collect()
}

/// A module and all below it, by dotted name, each once.
pub fn all_modules(root: &Rc<Instance>) -> Vec<(String, Rc<Instance>)> {
    let mut found: Vec<(String, Rc<Instance>)> = Vec::new();
    let mut pending = vec![(String::new(), root.clone())];
    while let Some((name, module)) = pending.pop() {
        if found.iter().any(|(_, m)| Rc::ptr_eq(m, &module)) {
            continue;
        }
        for (child, inner) in submodules(&module).into_iter().rev() {
            let full = if name.is_empty() { child.to_string() } else { format!("{name}.{child}") };
            pending.push((full, inner));
        }
        found.push((name, module));
    }
    found
}

/// Parameters by their `state_dict` names, each once.
pub fn named_parameters(root: &Rc<Instance>) -> Vec<(String, Value)> {
    let mut found: Vec<(String, Value)> = Vec::new();
    for (prefix, module) in all_modules(root) {
        for (name, value) in module.attrs.borrow().strings() {
            let Value::Tensor(t) = value else { continue };
            let known = |v: &Value| matches!(v, Value::Tensor(other) if Rc::ptr_eq(&other.storage, &t.storage));
            if t.is_parameter() && !found.iter().any(|(_, v)| known(v)) {
                let full = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
                found.push((full, value.clone()));
            }
        }
    }
    found
}
