//! Branches, loops, exceptions and contexts.

use std::rc::Rc;

use ruff_python_ast as ast;

use super::interp::{Eval, Interp, Raised, Stop};
use super::number::range_len;
use super::path::Choice;
use super::stmt::Flow;
use super::value::{Scope, Value};
use crate::finding::FindingKind;

impl<'a> Interp<'a> {
    pub fn if_stmt(&mut self, s: &'a ast::StmtIf, scope: &Rc<Scope>) -> Eval<Flow> {
        let test = self.expr(&s.test, scope)?;
        self.at(&*s.test);
        if self.truth(&test)? {
            return self.block(&s.body, scope);
        }
        for clause in &s.elif_else_clauses {
            let taken = match &clause.test {
                Some(test) => {
                    let value = self.expr(test, scope)?;
                    self.at(test);
                    self.truth(&value)?
                }
                None => true,
            };
            if taken {
                return self.block(&clause.body, scope);
            }
        }
        Ok(Flow::Next)
    }

    pub fn for_stmt(&mut self, s: &'a ast::StmtFor, scope: &Rc<Scope>) -> Eval<Flow> {
        let iterable = self.expr(&s.iter, scope)?;
        self.at(&*s.iter);
        // A range is not spread out, so that a long loop meets the tick limit and not the length limit.
        if let Value::Range(start, stop, step) = iterable {
            self.ranged(range_len(start, stop, step), step);
            let mut i = start;
            while (step > 0 && i < stop) || (step < 0 && i > stop) {
                match self.for_body(s, Value::Int(i), scope)? {
                    Flow::Break => return Ok(Flow::Next),
                    Flow::Return(value) => return Ok(Flow::Return(value)),
                    Flow::Next | Flow::Continue => {}
                }
                i = i.saturating_add(step);
            }
            return self.block(&s.orelse, scope);
        }
        let values = self.iterate(&iterable)?;
        self.at(&*s.iter);
        self.decided(Choice::Rounds, values.len().min(2) as u32);
        for value in values {
            match self.for_body(s, value, scope)? {
                Flow::Break => return Ok(Flow::Next),
                Flow::Return(value) => return Ok(Flow::Return(value)),
                Flow::Next | Flow::Continue => {}
            }
        }
        self.block(&s.orelse, scope)
    }

    pub fn for_body(&mut self, s: &'a ast::StmtFor, value: Value, scope: &Rc<Scope>) -> Eval<Flow> {
        self.at(&*s.target);
        self.tick(1)?;
        self.assign(&s.target, value, scope)?;
        self.block(&s.body, scope)
    }

    pub fn while_stmt(&mut self, s: &'a ast::StmtWhile, scope: &Rc<Scope>) -> Eval<Flow> {
        loop {
            self.at(s);
            self.tick(1)?;
            let test = self.expr(&s.test, scope)?;
            self.at(&*s.test);
            if !self.truth(&test)? {
                return self.block(&s.orelse, scope);
            }
            match self.block(&s.body, scope)? {
                Flow::Break => return Ok(Flow::Next),
                Flow::Return(value) => return Ok(Flow::Return(value)),
                Flow::Next | Flow::Continue => {}
            }
        }
    }

    pub fn raise_stmt(&mut self, s: &'a ast::StmtRaise, scope: &Rc<Scope>) -> Eval<Flow> {
        let Some(exc) = &s.exc else {
            return self.raise("RuntimeError", "re-raised exception");
        };
        let value = self.expr(exc, scope)?;
        self.at(s);
        let value = match value {
            Value::Class(_) => self.call(&value, vec![], vec![])?,
            _ => value,
        };
        let Value::Instance(object) = &value else {
            return self.type_error("exceptions must derive from BaseException");
        };
        if !object.class.is_a("BaseException") {
            return self.type_error("exceptions must derive from BaseException");
        }
        let message = match object.get("args") {
            Some(Value::Tuple(args)) if args.len() == 1 => self.text(&args[0])?,
            Some(Value::Tuple(args)) if args.is_empty() => String::new(),
            Some(args) => self.repr(&args)?,
            None => String::new(),
        };
        let class = object.class.clone();
        Err(Stop::Raise(Box::new(Raised { value, class, message, span: self.span })))
    }

    pub fn try_stmt(&mut self, s: &'a ast::StmtTry, scope: &Rc<Scope>) -> Eval<Flow> {
        self.try_depth += usize::from(!s.handlers.is_empty());
        let result = self.block(&s.body, scope);
        self.try_depth -= usize::from(!s.handlers.is_empty());
        self.at(s);
        self.decided(Choice::Test, u32::from(result.is_err()));
        let result = match result {
            Ok(Flow::Next) => self.block(&s.orelse, scope),
            Err(Stop::Raise(raised)) => self.handle(s, raised, scope),
            other => other,
        };
        match self.block(&s.finalbody, scope)? {
            Flow::Next => result,
            flow => Ok(flow),
        }
    }

    pub fn handle(&mut self, s: &'a ast::StmtTry, raised: Box<Raised>, scope: &Rc<Scope>) -> Eval<Flow> {
        for handler in &s.handlers {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            let catches = match &handler.type_ {
                None => true,
                Some(kind) => {
                    let kind = self.expr(kind, scope)?;
                    let kinds = match kind {
                        Value::Tuple(kinds) => kinds.to_vec(),
                        kind => vec![kind],
                    };
                    let lineage = raised.class.lineage();
                    kinds.iter().any(|k| matches!(k, Value::Class(c) if lineage.iter().any(|l| Rc::ptr_eq(l, c))))
                }
            };
            if catches {
                if let Some(name) = &handler.name {
                    self.bind(name.as_str(), raised.value.clone(), scope)?;
                }
                return self.block(&handler.body, scope);
            }
        }
        Err(Stop::Raise(raised))
    }

    pub fn with_stmt(&mut self, s: &'a ast::StmtWith, scope: &Rc<Scope>) -> Eval<Flow> {
        let mut no_grad = 0;
        for item in &s.items {
            let context = self.expr(&item.context_expr, scope)?;
            self.at(item);
            match &context {
                Value::Decorator("no_grad") => no_grad += 1,
                Value::Decorator(_) | Value::Silent => {}
                Value::Missing(finding) => return Err(self.missing(finding)),
                other => {
                    let message = format!("'with' of a {} is not supported", other.kind());
                    return Err(self
                        .fault(FindingKind::Unsupported, message)
                        .hint("only torch.no_grad() and torch.enable_grad()")
                        .into());
                }
            }
            if let Some(target) = &item.optional_vars {
                self.assign(target, Value::None, scope)?;
            }
        }
        self.no_grad += no_grad;
        let result = self.block(&s.body, scope);
        self.no_grad -= no_grad;
        result
    }
}
