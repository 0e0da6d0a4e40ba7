//! Definitions and decorators.

use std::rc::Rc;

use ruff_python_ast::{self as ast, Expr};

use super::builtins;
use super::interp::{Body, Code, Eval, Interp, Stop};
use super::value::{Class, Dict, Function, Instance, Scope, ScopeKind, Value};

impl<'a> Interp<'a> {
    pub(super) fn function_def(&mut self, s: &'a ast::StmtFunctionDef, scope: &Rc<Scope>) -> Eval<()> {
        if s.is_async {
            return self.unsupported("async functions are not supported");
        }
        let code = Code { params: Some(&s.parameters), body: Body::Block(&s.body), library: self.library_depth > 0 };
        let function = self.function(s.name.as_str(), code, scope)?;
        let mut value = Value::Function(function);
        for decorator in s.decorator_list.iter().rev() {
            if let Expr::Attribute(a) = &decorator.expression
                && matches!(a.attr.as_str(), "setter" | "deleter" | "getter")
            {
                self.at(decorator);
                if a.attr.as_str() != "setter" {
                    return self.unsupported("property getters and deleters are not supported");
                }
                return self.bind(&format!("{}@set", s.name), value, scope);
            }
            value = self.decorated(&decorator.expression, value, scope)?;
        }
        self.bind(s.name.as_str(), value, scope)
    }

    fn decorated(&mut self, decorator: &'a Expr, value: Value, scope: &Rc<Scope>) -> Eval<Value> {
        // A kernel of a library that is not there (`@triton.jit`) is missing itself.
        let wrapper = match self.expr(decorator, scope) {
            Err(Stop::Fault(finding)) if finding.absent() => Value::Missing((*finding).into()),
            other => other?,
        };
        self.at(decorator);
        match wrapper {
            Value::Missing(_) => Ok(wrapper),
            Value::Silent | Value::Typing => Ok(value),
            wrapper => self.call(&wrapper, vec![value], vec![]),
        }
    }

    /// What a decorator makes of its arguments: the function itself, or (called with options) itself.
    pub(super) fn decorate(
        &mut self,
        name: &'static str,
        mut args: Vec<Value>,
        named: Vec<(String, Value)>,
    ) -> Eval<Value> {
        let function = match args.first() {
            Some(Value::Function(f)) if args.len() == 1 && named.is_empty() => Some(f.clone()),
            _ => None,
        };
        match (name, function) {
            ("staticmethod", Some(f)) => Ok(Value::Static(f)),
            ("classmethod", Some(f)) => Ok(Value::ClassMethod(f)),
            ("property", Some(f)) => Ok(Value::Property(f)),
            ("no_grad" | "inference_mode", Some(_)) => {
                // The function runs as usual; what it may not do is make something that needs a gradient.
                let f = args.remove(0);
                Ok(Value::Partial(Rc::new((Value::Native(builtins::no_grad_call()), vec![f], vec![]))))
            }
            ("dataclass", _) => match args.first() {
                Some(Value::Class(class)) => {
                    self.make_dataclass(class);
                    Ok(args.remove(0))
                }
                _ => Ok(Value::Decorator("dataclass")),
            },
            // Called with the function that it imitates, to decorate another.
            ("wraps", _) => Ok(Value::Decorator("wrapped")),
            (_, _) if args.len() == 1 && named.is_empty() && self.callable(&args[0]) => Ok(args.remove(0)),
            (name, _) => Ok(Value::Decorator(name)),
        }
    }

    fn callable(&self, value: &Value) -> bool {
        matches!(
            value,
            Value::Function(_)
                | Value::Static(_)
                | Value::ClassMethod(_)
                | Value::Class(_)
                | Value::Partial(_)
                | Value::Bound(_)
                | Value::Instance(_)
                | Value::Missing(_)
        )
    }

    pub(super) fn field(&mut self, scope: &Rc<Scope>, name: &str) {
        let mut vars = scope.vars.borrow_mut();
        let order = vars.entry("@fields".to_owned()).or_insert_with(|| Value::tuple(vec![]));
        if let Value::Tuple(names) = order {
            let mut names = names.to_vec();
            names.push(Value::str(name));
            *order = Value::tuple(names);
        }
    }

    fn make_dataclass(&mut self, class: &Rc<Class>) {
        let mut fields: Vec<(Rc<str>, Option<Value>)> =
            class.bases.iter().filter_map(|b| b.fields.borrow().clone()).flatten().collect();
        let attrs = class.attrs.borrow();
        if let Some(Value::Tuple(names)) = attrs.get_str("@fields") {
            for name in names.iter() {
                if let Value::Str(name) = name {
                    fields.retain(|(n, _)| n != name);
                    fields.push((name.clone(), attrs.get_str(name).cloned()));
                }
            }
        }
        *class.fields.borrow_mut() = Some(fields);
    }

    /// A class whose objects are tuples with named entries.
    pub fn tuple_class(&mut self, name: &str, fields: super::value::Fields) -> Eval<Value> {
        let base = self.classes["NamedTuple"].clone();
        let (name, fields) = (name.into(), Some(fields).into());
        let class = Class { name, bases: vec![base], attrs: Default::default(), fields, user: true };
        Ok(Value::Class(self.new_class(class)))
    }

    /// Make the members of an enumeration: objects with a name and a value.
    fn make_members(&mut self, class: &Rc<Class>, vars: &std::collections::HashMap<String, Value>) {
        for (name, value) in vars {
            if name.starts_with(['_', '@']) || underlying(value).is_some() {
                continue;
            }
            let member = Instance {
                class: class.clone(),
                attrs: Default::default(),
                buffers: Default::default(),
                born: self.phase,
            };
            member.set("name", Value::str(name));
            member.set("value", value.clone());
            class.attrs.borrow_mut().insert_str(name, Value::Instance(Rc::new(member)));
        }
    }

    /// `Color(1)` is the member of that value; `Enum("Color", ["RED"])` makes an enumeration.
    pub(super) fn enumerated(
        &mut self,
        class: &Rc<Class>,
        args: Vec<Value>,
        named: Vec<(String, Value)>,
    ) -> Eval<Value> {
        match (&args[..], class.user) {
            ([value], true) => {
                let members: Vec<Value> = class.attrs.borrow().strings().map(|(_, v)| v.clone()).collect();
                for member in members {
                    let Value::Instance(object) = &member else { continue };
                    if let Some(own) = object.get("value")
                        && self.equal(&own, value)?
                    {
                        return Ok(member);
                    }
                }
                let text = self.repr(value)?;
                self.value_error(format!("{text} is not a valid {}", class.name))
            }
            ([Value::Str(name), names], false) if named.is_empty() => {
                let names: Vec<Value> = match names {
                    Value::Str(text) => text.replace(',', " ").split_whitespace().map(Value::str).collect(),
                    other => self.iterate(other)?,
                };
                let (attrs, fields) = (Default::default(), None.into());
                let bases = vec![class.clone()];
                let made = self.new_class(Class { name: name.clone(), bases, attrs, fields, user: true });
                let mut vars = std::collections::HashMap::new();
                for (i, member) in names.iter().enumerate() {
                    match member {
                        Value::Str(member) => drop(vars.insert(member.to_string(), Value::Int(i as i64 + 1))),
                        _ => return self.unsupported("the members of an enumeration are given by their names"),
                    }
                }
                self.make_members(&made, &vars);
                Ok(Value::Class(made))
            }
            _ => self.type_error(format!("{}() takes the value of a member", class.name)),
        }
    }

    pub(super) fn class_def(&mut self, s: &'a ast::StmtClassDef, scope: &Rc<Scope>) -> Eval<()> {
        let mut bases = Vec::new();
        if let Some(arguments) = &s.arguments {
            for base in &arguments.args {
                let value = self.expr(base, scope)?;
                self.at(base);
                match value {
                    Value::Class(class) => bases.push(class),
                    Value::Typing | Value::Type("object") | Value::Silent => {}
                    Value::Missing(_) => return self.bind(s.name.as_str(), value, scope),
                    Value::Poison => return Err(Stop::Poisoned),
                    other => return self.unsupported(format!("a class cannot derive from {}", other.kind())),
                }
            }
        }
        let inner = self.scope(ScopeKind::Class, scope, Rc::default());
        self.block(&s.body, &inner)?;
        let mut attrs = Dict::default();
        let vars = inner.vars.borrow();
        let mut names: Vec<_> = vars.keys().collect();
        names.sort();
        for name in names {
            if !name.starts_with("@field ") {
                attrs.insert_str(name, vars[name].clone());
            }
        }
        let class = self.new_class(Class {
            name: s.name.as_str().into(),
            bases,
            attrs: attrs.into(),
            fields: None.into(),
            user: true,
        });
        if class.is_a("NamedTuple") {
            self.make_dataclass(&class);
        }
        if class.is_a("Enum") {
            self.make_members(&class, &vars);
        }
        for value in vars.values() {
            if let Some(f) = underlying(value) {
                f.owner.borrow_mut().get_or_insert(class.clone());
            }
        }
        drop(vars);
        let mut value = Value::Class(class);
        for decorator in s.decorator_list.iter().rev() {
            value = self.decorated(&decorator.expression, value, scope)?;
        }
        self.bind(s.name.as_str(), value, scope)
    }
}

/// The function inside a function-like value.
fn underlying(value: &Value) -> Option<&Rc<Function>> {
    match value {
        Value::Function(f) | Value::Static(f) | Value::ClassMethod(f) | Value::Property(f) => Some(f),
        Value::Partial(p) => p.1.first().and_then(underlying),
        _ => None,
    }
}
