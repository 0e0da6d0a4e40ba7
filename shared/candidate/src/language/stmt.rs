//! Statements.

use std::rc::Rc;

use ruff_python_ast::{self as ast, Expr, Stmt};

use super::interp::{Eval, Interp, Stop};
use super::value::{Phase, Scope, ScopeKind, Value};
use crate::finding::FindingKind;

/// How a block ended.
pub enum Flow {
    Next,
    Break,
    Continue,
    Return(Value),
}

/// The most findings of one trace.
const MAX_FINDINGS: usize = 20;

impl<'a> Interp<'a> {
    /// Run a block.
    pub fn block(&mut self, body: &'a [Stmt], scope: &Rc<Scope>) -> Eval<Flow> {
        for stmt in body {
            self.at(stmt);
            self.tick(1)?;
            match self.deeper(|s| s.stmt(stmt, scope))? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn stmt(&mut self, stmt: &'a Stmt, scope: &Rc<Scope>) -> Eval<Flow> {
        match stmt {
            Stmt::Expr(s) => {
                let result = self.expr(&s.value, scope).map(drop);
                self.recover(result, &[], scope)?;
            }
            Stmt::Assign(s) => {
                let targets: Vec<_> = s.targets.iter().collect();
                let result = self
                    .expr(&s.value, scope)
                    .and_then(|value| targets.iter().try_for_each(|target| self.assign(target, value.clone(), scope)));
                self.recover(result, &targets, scope)?;
            }
            Stmt::AugAssign(s) => {
                let result = self.augmented(s, scope);
                self.recover(result, &[&s.target], scope)?;
            }
            Stmt::AnnAssign(s) => {
                if let Some(value) = &s.value {
                    let result = self.expr(value, scope).and_then(|value| self.assign(&s.target, value, scope));
                    self.recover(result, &[&s.target], scope)?;
                } else if let (ScopeKind::Class, Expr::Name(name)) = (scope.kind, &*s.target) {
                    // A field without a default: dataclasses need to know it.
                    scope.vars.borrow_mut().entry(format!("@field {}", name.id)).or_insert(Value::None);
                }
                if let (ScopeKind::Class, Expr::Name(name)) = (scope.kind, &*s.target) {
                    self.field(scope, name.id.as_str());
                }
            }
            Stmt::Return(s) => {
                return Ok(Flow::Return(match &s.value {
                    Some(value) => self.expr(value, scope)?,
                    None => Value::None,
                }));
            }
            Stmt::If(s) => return self.if_stmt(s, scope),
            Stmt::For(s) => return self.for_stmt(s, scope),
            Stmt::While(s) => return self.while_stmt(s, scope),
            Stmt::FunctionDef(s) => {
                let result = self.function_def(s, scope);
                self.defined(s.name.as_str(), result, scope)?;
            }
            Stmt::ClassDef(s) => {
                let result = self.class_def(s, scope);
                self.defined(s.name.as_str(), result, scope)?;
            }
            Stmt::Import(s) => self.import(s, scope)?,
            Stmt::ImportFrom(s) => self.import_from(s, scope)?,
            Stmt::Pass(_) => {}
            Stmt::Break(_) => return Ok(Flow::Break),
            Stmt::Continue(_) => return Ok(Flow::Continue),
            Stmt::Assert(s) => {
                let value = self.expr(&s.test, scope)?;
                self.at(stmt);
                if !self.truth(&value)? {
                    let message = match &s.msg {
                        Some(message) => {
                            let message = self.expr(message, scope)?;
                            self.text(&message)?
                        }
                        None => String::new(),
                    };
                    self.at(stmt);
                    return self.raise("AssertionError", message);
                }
            }
            Stmt::Raise(s) => return self.raise_stmt(s, scope),
            Stmt::Try(s) => return self.try_stmt(s, scope),
            Stmt::With(s) => return self.with_stmt(s, scope),
            Stmt::Delete(s) => {
                for target in &s.targets {
                    self.delete(target, scope)?;
                }
            }
            Stmt::Global(s) => scope.globals.borrow_mut().extend(s.names.iter().map(|n| n.to_string())),
            Stmt::Nonlocal(s) => scope.nonlocals.borrow_mut().extend(s.names.iter().map(|n| n.to_string())),
            Stmt::TypeAlias(_) => {}
            Stmt::Match(s) => return self.match_stmt(s, scope),
            Stmt::IpyEscapeCommand(_) => return self.unsupported("this is not plain Python"),
        }
        Ok(Flow::Next)
    }

    /// A definition that needs a missing import is missing itself.
    fn defined(&mut self, name: &str, result: Eval<()>, scope: &Rc<Scope>) -> Eval<()> {
        match result {
            Err(Stop::Fault(finding)) if finding.absent() => self.bind(name, Value::Missing((*finding).into()), scope),
            other => other,
        }
    }

    /// Report a refused statement and go on with poisoned targets, so that all findings are seen at once.
    fn recover(&mut self, result: Eval<()>, targets: &[&'a Expr], scope: &Rc<Scope>) -> Eval<()> {
        match result {
            // Definitions around a missing import: refused once they are used.
            Err(Stop::Fault(finding)) if finding.absent() && scope.kind != ScopeKind::Function => {
                let missing = Value::Missing((*finding).into());
                for target in targets {
                    self.assign(target, missing.clone(), scope)?;
                }
                return Ok(());
            }
            Err(Stop::Fault(finding))
                if finding.kind != FindingKind::Limit
                    && self.try_depth + self.library_depth == 0
                    && self.findings.len() < MAX_FINDINGS =>
            {
                if !self.findings.contains(&finding) {
                    self.findings.push(*finding);
                }
            }
            Err(Stop::Poisoned) if !targets.is_empty() && self.library_depth == 0 => {}
            other => return other,
        }
        for target in targets {
            // A target that cannot be assigned either was the reason, or will be found when it is used.
            let _ = self.assign(target, Value::Poison, scope);
        }
        Ok(())
    }

    /// Bind a target.
    pub fn assign(&mut self, target: &'a Expr, value: Value, scope: &Rc<Scope>) -> Eval<()> {
        match target {
            Expr::Name(name) => self.bind(name.id.as_str(), value, scope),
            Expr::Attribute(target) => {
                let object = self.expr(&target.value, scope)?;
                self.at(&target.attr);
                self.set_attribute(&object, target.attr.as_str(), value)
            }
            Expr::Subscript(target) => {
                let object = self.expr(&target.value, scope)?;
                let index = self.expr(&target.slice, scope)?;
                self.at(target);
                self.set_item(&object, &index, value)
            }
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                if matches!(value, Value::Poison | Value::Missing(_)) {
                    return elts.iter().try_for_each(|target| self.assign(target, value.clone(), scope));
                }
                let values = self.iterate(&value)?;
                self.unpack(elts, values, scope)
            }
            Expr::Starred(starred) => self.assign(&starred.value, value, scope),
            _ => self.unsupported("this cannot be assigned to"),
        }
    }

    fn unpack(&mut self, targets: &'a [Expr], values: Vec<Value>, scope: &Rc<Scope>) -> Eval<()> {
        let star = targets.iter().position(|t| matches!(t, Expr::Starred(_)));
        let fits = match star {
            Some(_) => values.len() + 1 >= targets.len(),
            None => values.len() == targets.len(),
        };
        if !fits {
            return self.value_error(format!("cannot unpack {} values into {} names", values.len(), targets.len()));
        }
        let extra = values.len() + 1 - targets.len();
        let mut values = values.into_iter();
        for (i, target) in targets.iter().enumerate() {
            let value = match star == Some(i) {
                true => {
                    let items: Vec<_> = values.by_ref().take(extra).collect();
                    self.list(items)?
                }
                false => values.next().expect("counted above"),
            };
            self.assign(target, value, scope)?;
        }
        Ok(())
    }

    /// Bind a name in the right scope.
    pub fn bind(&mut self, name: &str, value: Value, scope: &Rc<Scope>) -> Eval<()> {
        let mut place = scope.clone();
        if place.globals.borrow().contains(name) {
            place = self.globals.clone();
            if self.phase == Phase::Forward {
                let mut finding = self.fault(FindingKind::HiddenState, format!("forward assigns the global '{name}'"));
                finding.hint = "keep no state between calls".into();
                return Err(finding.into());
            }
        } else if place.nonlocals.borrow().contains(name) {
            let mut outer = place.parent.clone();
            while let Some(next) = outer {
                if next.kind == ScopeKind::Function && next.vars.borrow().contains_key(name) {
                    place = next;
                    break;
                }
                outer = next.parent.clone();
            }
        }
        place.vars.borrow_mut().insert(name.to_owned(), value);
        Ok(())
    }

    fn augmented(&mut self, s: &'a ast::StmtAugAssign, scope: &Rc<Scope>) -> Eval<()> {
        match &*s.target {
            Expr::Name(name) => {
                let old = self.name(name.id.as_str(), scope)?;
                let value = self.expr(&s.value, scope)?;
                self.at(s);
                let new = self.in_place(s.op, &old, &value)?;
                self.bind(name.id.as_str(), new, scope)
            }
            Expr::Attribute(target) => {
                let object = self.expr(&target.value, scope)?;
                let old = self.attribute(&object, target.attr.as_str())?;
                let value = self.expr(&s.value, scope)?;
                self.at(s);
                let new = self.in_place(s.op, &old, &value)?;
                self.set_attribute(&object, target.attr.as_str(), new)
            }
            Expr::Subscript(target) => {
                let object = self.expr(&target.value, scope)?;
                let index = self.expr(&target.slice, scope)?;
                self.at(target);
                let old = self.get_item(&object, &index)?;
                let value = self.expr(&s.value, scope)?;
                self.at(s);
                // On a copy, so that the write below is the only one.
                let old = match &old {
                    Value::Tensor(t) => {
                        let node = self.read(t)?;
                        Value::Tensor(super::tensor::Tensor::fresh(node, t.layout))
                    }
                    _ => old,
                };
                let new = self.in_place(s.op, &old, &value)?;
                self.set_item(&object, &index, new)
            }
            _ => self.unsupported("this cannot be assigned to"),
        }
    }

    fn delete(&mut self, target: &'a Expr, scope: &Rc<Scope>) -> Eval<()> {
        self.at(target);
        match target {
            Expr::Name(name) => match scope.vars.borrow_mut().remove(name.id.as_str()) {
                Some(_) => Ok(()),
                None => self.raise("NameError", format!("name '{}' is not defined", name.id)),
            },
            Expr::Attribute(target) => {
                let object = self.expr(&target.value, scope)?;
                self.delete_attribute(&object, target.attr.as_str())
            }
            Expr::Subscript(target) => {
                let object = self.expr(&target.value, scope)?;
                let index = self.expr(&target.slice, scope)?;
                self.delete_item(&object, &index)
            }
            Expr::Tuple(ast::ExprTuple { elts, .. }) => elts.iter().try_for_each(|t| self.delete(t, scope)),
            _ => self.unsupported("this cannot be deleted"),
        }
    }
}
