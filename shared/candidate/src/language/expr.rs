//! Expressions.

use std::rc::Rc;

use ruff_python_ast::{self as ast, Expr, Number};

use super::interp::{Body, Code, Eval, Interp, Stop};
use super::locals::locals_of;
use super::value::{Dict, Function, Key, List, Phase, Scope, ScopeKind, Table, Value};
use crate::finding::FindingKind;

impl<'a> Interp<'a> {
    /// Evaluate an expression.
    pub fn expr(&mut self, expr: &'a Expr, scope: &Rc<Scope>) -> Eval<Value> {
        self.tick(1)?;
        self.deeper(|s| s.expr_inner(expr, scope))
    }

    fn expr_inner(&mut self, expr: &'a Expr, scope: &Rc<Scope>) -> Eval<Value> {
        match expr {
            Expr::Name(e) => {
                self.at(e);
                self.name(e.id.as_str(), scope)
            }
            Expr::NumberLiteral(e) => {
                self.at(e);
                match &e.value {
                    Number::Int(i) => match i.as_i64() {
                        Some(i) => Ok(Value::Int(i)),
                        None => Err(self.fault(FindingKind::Limit, "integers are limited to 64 bits").into()),
                    },
                    Number::Float(x) => Ok(Value::Float(*x)),
                    Number::Complex { real, imag } => self.complex_number(*real, *imag),
                }
            }
            Expr::StringLiteral(e) => {
                let text = e.value.to_str();
                self.length(text.len(), "string")?;
                Ok(Value::str(text))
            }
            Expr::BooleanLiteral(e) => Ok(Value::Bool(e.value)),
            Expr::NoneLiteral(_) => Ok(Value::None),
            Expr::EllipsisLiteral(_) => Ok(Value::Ellipsis),
            Expr::FString(e) => self.fstring(e, scope),
            Expr::Tuple(e) => {
                let items = self.items(&e.elts, scope)?;
                Ok(Value::tuple(items))
            }
            Expr::List(e) => {
                let items = self.items(&e.elts, scope)?;
                self.list(items)
            }
            Expr::Set(e) => {
                let items = self.items(&e.elts, scope)?;
                self.set(items)
            }
            Expr::Dict(e) => self.dict_display(e, scope),
            Expr::UnaryOp(e) => {
                let value = self.expr(&e.operand, scope)?;
                self.at(e);
                self.unary_op(e.op, &value)
            }
            Expr::BinOp(e) => {
                let left = self.expr(&e.left, scope)?;
                let right = self.expr(&e.right, scope)?;
                self.at(e);
                self.binary_op(e.op, &left, &right)
            }
            Expr::BoolOp(e) => {
                let mut last = Value::None;
                for (i, value) in e.values.iter().enumerate() {
                    last = self.expr(value, scope)?;
                    if i + 1 < e.values.len() {
                        self.at(value);
                        if self.truth(&last)? == (e.op == ast::BoolOp::Or) {
                            break;
                        }
                    }
                }
                Ok(last)
            }
            Expr::Compare(e) => {
                let mut left = self.expr(&e.left, scope)?;
                let mut last = Value::Bool(true);
                for (i, (op, right)) in e.ops.iter().zip(e.comparators.iter()).enumerate() {
                    let right = self.expr(right, scope)?;
                    self.at(e);
                    last = self.compare_op(*op, &left, &right)?;
                    if i + 1 < e.ops.len() && !self.truth(&last)? {
                        break;
                    }
                    left = right;
                }
                Ok(last)
            }
            Expr::If(e) => {
                let test = self.expr(&e.test, scope)?;
                self.at(&*e.test);
                match self.truth(&test)? {
                    true => self.expr(&e.body, scope),
                    false => self.expr(&e.orelse, scope),
                }
            }
            Expr::Named(e) => {
                let value = self.expr(&e.value, scope)?;
                let mut place = scope.clone();
                while place.kind == ScopeKind::Comprehension {
                    place = place.parent.clone().expect("a comprehension lies in a scope");
                }
                self.assign(&e.target, value.clone(), &place)?;
                Ok(value)
            }
            Expr::Attribute(e) => {
                let object = self.expr(&e.value, scope)?;
                self.at(&e.attr);
                match self.attribute(&object, e.attr.as_str()) {
                    Err(Stop::Raise(raised)) => match self.configured(&object, e.attr.as_str())? {
                        Some(value) => Ok(value),
                        None => Err(Stop::Raise(raised)),
                    },
                    other => other,
                }
            }
            Expr::Subscript(e) => {
                let object = self.expr(&e.value, scope)?;
                if matches!(object, Value::Typing | Value::Type(_) | Value::Silent | Value::Missing(_)) {
                    return Ok(object);
                }
                let index = self.expr(&e.slice, scope)?;
                self.at(e);
                self.get_item(&object, &index)
            }
            Expr::Slice(e) => {
                let part = |s: &mut Self, e: &'a Option<Box<Expr>>| match e {
                    Some(e) => s.expr(e, scope),
                    None => Ok(Value::None),
                };
                let parts = [part(self, &e.lower)?, part(self, &e.upper)?, part(self, &e.step)?];
                Ok(Value::Slice(Rc::new(parts)))
            }
            Expr::Call(e) => self.call_expr(e, scope),
            Expr::Lambda(e) => {
                let code = Code {
                    params: e.parameters.as_deref(),
                    body: Body::Expr(&e.body),
                    library: self.library_depth > 0,
                };
                let function = self.function("<lambda>", code, scope)?;
                Ok(Value::Function(function))
            }
            Expr::ListComp(e) => {
                let mut items = Vec::new();
                self.comprehend(&e.generators, scope, &mut |s, inner| {
                    let item = s.expr(&e.elt, inner)?;
                    items.push(item);
                    Ok(())
                })?;
                self.list(items)
            }
            Expr::Generator(e) => {
                let mut items = Vec::new();
                self.comprehend(&e.generators, scope, &mut |s, inner| {
                    let item = s.expr(&e.elt, inner)?;
                    items.push(item);
                    Ok(())
                })?;
                self.list(items)
            }
            Expr::SetComp(e) => {
                let mut items = Vec::new();
                self.comprehend(&e.generators, scope, &mut |s, inner| {
                    let item = s.expr(&e.elt, inner)?;
                    items.push(item);
                    Ok(())
                })?;
                self.set(items)
            }
            Expr::DictComp(e) => {
                let Some(key) = &e.key else {
                    return self.unsupported("this comprehension is not supported");
                };
                let mut dict = Dict::default();
                self.comprehend(&e.generators, scope, &mut |s, inner| {
                    let name = s.expr(key, inner)?;
                    let value = s.expr(&e.value, inner)?;
                    let key = s.key(&name)?;
                    dict.insert(key, name, value);
                    Ok(())
                })?;
                self.dict(dict)
            }
            Expr::Starred(e) => {
                self.at(e);
                self.unsupported("a starred expression cannot stand here")
            }
            Expr::Yield(e) => {
                let value = match &e.value {
                    Some(value) => self.expr(value, scope)?,
                    None => Value::None,
                };
                self.at(e);
                self.yield_values(vec![value], scope)
            }
            Expr::YieldFrom(e) => {
                let value = self.expr(&e.value, scope)?;
                self.at(e);
                let values = self.iterate(&value)?;
                self.yield_values(values, scope)
            }
            Expr::Await(e) => {
                self.at(e);
                self.unsupported("await is not supported")
            }
            Expr::BytesLiteral(e) => {
                self.at(e);
                self.unsupported("bytes are not supported")
            }
            Expr::TString(e) => {
                self.at(e);
                self.unsupported("template strings are not supported")
            }
            Expr::IpyEscapeCommand(e) => {
                self.at(e);
                self.unsupported("this is not plain Python")
            }
        }
    }

    fn yield_values(&mut self, values: Vec<Value>, scope: &Rc<Scope>) -> Eval<Value> {
        let mut place = Some(scope.clone());
        while let Some(inner) = place {
            if let Some(yields) = inner.yields.borrow_mut().as_mut() {
                yields.extend(values);
                let n = yields.len();
                self.length(n, "generator")?;
                return Ok(Value::None);
            }
            place = inner.parent.clone();
        }
        self.unsupported("yield outside a function")
    }

    /// Look a name up.
    pub fn name(&mut self, name: &str, scope: &Rc<Scope>) -> Eval<Value> {
        let mut place = Some(scope.clone());
        let mut first = true;
        while let Some(inner) = place {
            if first || inner.kind != ScopeKind::Class {
                if let Some(value) = inner.vars.borrow().get(name) {
                    return Ok(value.clone());
                }
                if inner.kind == ScopeKind::Function && inner.locals.contains(name) {
                    return self.raise("UnboundLocalError", format!("'{name}' is used before it is assigned"));
                }
            }
            // A function in a class body does not see the class's names.
            first = first && inner.kind == ScopeKind::Comprehension;
            place = inner.parent.clone();
        }
        if let Some(value) = self.builtin_name(name) {
            return Ok(value);
        }
        let mut known: Vec<String> = super::builtins::python_names();
        let mut place = Some(scope.clone());
        while let Some(inner) = place {
            known.extend(inner.vars.borrow().keys().cloned());
            place = inner.parent.clone();
        }
        known.sort();
        self.unknown("name", name, known.iter().map(String::as_str))
    }

    /// A new list.
    pub fn list(&mut self, items: Vec<Value>) -> Eval<Value> {
        self.length(items.len(), "list")?;
        Ok(Value::List(Rc::new(List { items: items.into(), born: self.phase })))
    }

    /// A new dict.
    pub fn dict(&mut self, dict: Dict) -> Eval<Value> {
        self.length(dict.len(), "dict")?;
        Ok(Value::Dict(Rc::new(Table { map: dict.into(), born: self.phase })))
    }

    /// A new set.
    pub fn set(&mut self, items: Vec<Value>) -> Eval<Value> {
        let mut dict = Dict::default();
        for item in items {
            let key = self.key(&item)?;
            dict.insert(key, item, Value::None);
        }
        self.length(dict.len(), "set")?;
        Ok(Value::Set(Rc::new(Table { map: dict.into(), born: self.phase })))
    }

    /// The key of a value in a dict.
    pub fn key(&mut self, value: &Value) -> Eval<Key> {
        match value.key() {
            Some(key) => Ok(key),
            None => self.type_error(format!("unhashable type: '{}'", value.kind())),
        }
    }

    /// A function value: its code, its defaults (evaluated now) and its surroundings.
    pub fn function(&mut self, name: &str, code: Code<'a>, scope: &Rc<Scope>) -> Eval<Rc<Function>> {
        let mut defaults = std::collections::HashMap::new();
        if let Some(params) = code.params {
            for p in params.posonlyargs.iter().chain(&params.args).chain(&params.kwonlyargs) {
                if let Some(default) = &p.default {
                    defaults.insert(p.parameter.name.to_string(), self.expr(default, scope)?);
                }
            }
        }
        let (locals, yields) = match code.body {
            Body::Block(body) => locals_of(body),
            Body::Expr(_) => Default::default(),
        };
        self.locals.push((Rc::new(locals), yields));
        self.codes.push(code);
        let (code, closure) = (self.codes.len() - 1, scope.clone());
        Ok(Rc::new(Function { name: name.into(), code, closure, defaults, owner: None.into() }))
    }

    /// Report a change of something that outlives the call.
    pub fn outlives(&mut self, born: Phase, what: &str) -> Eval<()> {
        match self.phase == Phase::Forward && born == Phase::Construct {
            true => {
                self.writes.borrow_mut().push((what.to_owned(), self.span));
                Ok(())
            }
            false => Ok(()),
        }
    }
}
