//! Definitions, decorators and imports.

use std::rc::Rc;

use ruff_python_ast::{self as ast, Expr};

use super::builtins;
use super::interp::{Body, Code, Eval, Interp, Stop};
use super::library;
use super::value::{Class, Dict, Function, Scope, ScopeKind, Value};
use crate::finding::FindingKind;

/// Modules that a candidate may import.
pub const MODULES: &[&str] = &[
    "torch",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "einops",
    "math",
    "typing",
    "dataclasses",
    "functools",
    "warnings",
    "collections",
    "abc",
    "__future__",
];

/// Modules whose contents mean nothing at run time.
const TYPING: &[&str] = &[
    "typing",
    "typing_extensions",
    "collections.abc",
    "types",
    "jaxtyping",
    "torch.types",
    "fla.models.utils",
    "transformers.cache_utils",
    "transformers.processing_utils",
];

/// Decorators that change nothing about what a function computes.
const TRANSPARENT: &[&str] = &["compile", "script", "overload", "cache", "lru_cache", "wraps", "abstractmethod"];

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
                && matches!(a.attr.as_str(), "setter" | "deleter")
            {
                self.at(decorator);
                return self.unsupported("property setters are not supported");
            }
            let wrapper = self.expr(&decorator.expression, scope)?;
            self.at(decorator);
            value = self.call(&wrapper, vec![value], vec![])?;
        }
        self.bind(s.name.as_str(), value, scope)
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

    pub(super) fn class_def(&mut self, s: &'a ast::StmtClassDef, scope: &Rc<Scope>) -> Eval<()> {
        let mut bases = Vec::new();
        if let Some(arguments) = &s.arguments {
            for base in &arguments.args {
                let value = self.expr(base, scope)?;
                self.at(base);
                match value {
                    Value::Class(class) => bases.push(class),
                    Value::Typing | Value::Type("object") => {}
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
        let class = Rc::new(Class {
            name: s.name.as_str().into(),
            bases,
            attrs: attrs.into(),
            fields: None.into(),
            user: true,
        });
        for value in vars.values() {
            if let Some(f) = underlying(value) {
                f.owner.borrow_mut().get_or_insert(class.clone());
            }
        }
        drop(vars);
        let mut value = Value::Class(class);
        for decorator in s.decorator_list.iter().rev() {
            let wrapper = self.expr(&decorator.expression, scope)?;
            self.at(decorator);
            value = self.call(&wrapper, vec![value], vec![])?;
        }
        self.bind(s.name.as_str(), value, scope)
    }

    pub(super) fn import(&mut self, s: &'a ast::StmtImport, scope: &Rc<Scope>) -> Eval<()> {
        for alias in &s.names {
            self.at(alias);
            let path = alias.name.as_str();
            let value = match &alias.asname {
                Some(_) => self.module(path)?,
                None => {
                    self.module(path)?;
                    self.module(path.split('.').next().unwrap_or(path))?
                }
            };
            let name = alias.asname.as_ref().map_or_else(|| path.split('.').next().unwrap_or(path), |n| n.as_str());
            self.bind(name, value, scope)?;
        }
        Ok(())
    }

    pub(super) fn import_from(&mut self, s: &'a ast::StmtImportFrom, scope: &Rc<Scope>) -> Eval<()> {
        self.at(s);
        let path = s.module.as_ref().map_or("", |m| m.as_str());
        if s.level > 0 {
            return self.refuse_import(&format!("{}{path}", ".".repeat(s.level as usize)), s, scope);
        }
        match self.module(path) {
            Err(Stop::Fault(_)) => return self.refuse_import(path, s, scope),
            Err(other) => return Err(other),
            Ok(_) => {}
        }
        for alias in &s.names {
            self.at(alias);
            let name = alias.name.as_str();
            if name == "*" {
                return self.unsupported("'import *' is not supported");
            }
            let value = match path {
                "__future__" => Value::None,
                "typing" if name == "TYPE_CHECKING" => Value::Bool(false),
                path if TYPING.contains(&path) => Value::Typing,
                path => {
                    let module = self.module(path)?;
                    self.attribute(&module, name)?
                }
            };
            self.bind(alias.asname.as_ref().map_or(name, |n| n.as_str()), value, scope)?;
        }
        Ok(())
    }

    /// Report the import once and bind its names to refused values, so that the rest is still read.
    fn refuse_import(&mut self, path: &str, s: &'a ast::StmtImportFrom, scope: &Rc<Scope>) -> Eval<()> {
        if self.try_depth > 0 {
            return self.raise("ImportError", format!("No module named '{path}'"));
        }
        let finding = self.import_finding(path);
        self.findings.push(finding);
        for alias in &s.names {
            self.bind(alias.asname.as_ref().unwrap_or(&alias.name).as_str(), Value::Poison, scope)?;
        }
        Ok(())
    }

    fn import_finding(&self, path: &str) -> crate::finding::Finding {
        self.fault(FindingKind::Import, format!("import of '{path}' is not allowed"))
            .hint(format!("allowed: {}, fla", MODULES.join(", ")))
    }

    /// A module by its path.
    pub fn module(&mut self, path: &str) -> Eval<Value> {
        if TYPING.contains(&path) {
            return Ok(Value::Module("typing"));
        }
        if let Some(known) = MODULES.iter().chain(builtins::INNER_MODULES).chain(library::PATHS).find(|m| **m == path) {
            return Ok(Value::Module(known));
        }
        if self.try_depth > 0 {
            return self.raise("ImportError", format!("No module named '{path}'"));
        }
        Err(self.import_finding(path).into())
    }

    /// Something in a module.
    pub fn module_attribute(&mut self, module: &'static str, name: &str) -> Eval<Value> {
        if module == "typing" {
            return Ok(match name {
                "TYPE_CHECKING" => Value::Bool(false),
                _ => Value::Typing,
            });
        }
        let path = format!("{module}.{name}");
        if let Some(known) = MODULES.iter().chain(builtins::INNER_MODULES).chain(library::PATHS).find(|m| **m == path) {
            return Ok(Value::Module(known));
        }
        if module.split('.').next() == Some("fla") {
            return self.library_attribute(module, name);
        }
        if let Some(transparent) = TRANSPARENT.iter().find(|t| **t == name)
            && matches!(module, "torch" | "torch.jit" | "functools" | "abc")
        {
            return Ok(Value::Decorator(transparent));
        }
        if let Some(value) = builtins::module_constant(self, module, name) {
            return Ok(value);
        }
        if let Some(why) = builtins::refusal(module, name) {
            return Err(self.fault(FindingKind::Unsupported, format!("'{path}' is not supported")).hint(why).into());
        }
        let known = builtins::names_in(self, module);
        self.unknown("function or class", &path, known.iter().map(String::as_str))
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
