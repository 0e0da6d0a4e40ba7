//! The `match` statement.

use std::rc::Rc;

use ruff_python_ast::{self as ast, Pattern, Singleton};

use super::interp::{Eval, Interp};
use super::path::Choice;
use super::stmt::Flow;
use super::value::{Scope, Value};

impl<'a> Interp<'a> {
    pub fn match_stmt(&mut self, s: &'a ast::StmtMatch, scope: &Rc<Scope>) -> Eval<Flow> {
        let subject = self.expr(&s.subject, scope)?;
        for case in &s.cases {
            self.at(case);
            self.tick(1)?;
            let fits = self.matches(&case.pattern, &subject, scope)?;
            self.at(case);
            self.decided(Choice::Test, u32::from(fits));
            if !fits {
                continue;
            }
            if let Some(guard) = &case.guard {
                let value = self.expr(guard, scope)?;
                self.at(&**guard);
                if !self.truth(&value)? {
                    continue;
                }
            }
            return self.block(&case.body, scope);
        }
        Ok(Flow::Next)
    }

    /// Whether a pattern fits; names in it are bound on the way, as in Python.
    fn matches(&mut self, pattern: &'a Pattern, value: &Value, scope: &Rc<Scope>) -> Eval<bool> {
        self.tick(1)?;
        self.deeper(|s| match pattern {
            Pattern::MatchValue(p) => {
                let wanted = s.expr(&p.value, scope)?;
                s.equal(value, &wanted)
            }
            Pattern::MatchSingleton(p) => Ok(match (p.value, value) {
                (Singleton::None, Value::None) => true,
                (Singleton::True, Value::Bool(b)) => *b,
                (Singleton::False, Value::Bool(b)) => !b,
                _ => false,
            }),
            Pattern::MatchSequence(p) => {
                let items = match value {
                    Value::Tuple(_) | Value::List(_) => s.iterate(value)?,
                    _ => return Ok(false),
                };
                let star = p.patterns.iter().position(|p| matches!(p, Pattern::MatchStar(_)));
                let fits = match star {
                    Some(_) => items.len() + 1 >= p.patterns.len(),
                    None => items.len() == p.patterns.len(),
                };
                if !fits {
                    return Ok(false);
                }
                let extra = (items.len() + 1).saturating_sub(p.patterns.len());
                let mut items = items.into_iter();
                for (i, inner) in p.patterns.iter().enumerate() {
                    if let Pattern::MatchStar(rest) = inner {
                        debug_assert_eq!(star, Some(i));
                        let taken: Vec<_> = items.by_ref().take(extra).collect();
                        if let Some(name) = &rest.name {
                            let taken = s.list(taken)?;
                            s.bind(name.as_str(), taken, scope)?;
                        }
                        continue;
                    }
                    let Some(item) = items.next() else { return Ok(false) };
                    if !s.matches(inner, &item, scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Pattern::MatchMapping(p) => {
                let Value::Dict(table) = value else { return Ok(false) };
                for (key, inner) in p.keys.iter().zip(&p.patterns) {
                    let name = s.expr(key, scope)?;
                    let key = s.key(&name)?;
                    let found = table.map.borrow().get(&key).cloned();
                    let Some(found) = found else { return Ok(false) };
                    if !s.matches(inner, &found, scope)? {
                        return Ok(false);
                    }
                }
                match &p.rest {
                    Some(_) => s.unsupported("'**rest' in a match pattern is not supported"),
                    None => Ok(true),
                }
            }
            Pattern::MatchClass(p) => {
                let class = s.expr(&p.cls, scope)?;
                if !super::builtins::is_instance(s, value, &class)? {
                    return Ok(false);
                }
                match &p.arguments.patterns[..] {
                    [] => {}
                    // `int(x)`, `str(x)`: the value itself.
                    [inner] if matches!(class, Value::Type(_)) => {
                        if !s.matches(inner, value, scope)? {
                            return Ok(false);
                        }
                    }
                    patterns => {
                        let Value::Instance(object) = value else { return Ok(false) };
                        let fields = object.tuple_items();
                        if fields.len() < patterns.len() {
                            return s.unsupported("positional patterns need a dataclass or a named tuple");
                        }
                        for (inner, field) in patterns.iter().zip(&fields) {
                            if !s.matches(inner, field, scope)? {
                                return Ok(false);
                            }
                        }
                    }
                }
                for keyword in &p.arguments.keywords {
                    let Value::Instance(object) = value else { return Ok(false) };
                    let Some(found) = object.get(keyword.attr.as_str()) else { return Ok(false) };
                    if !s.matches(&keyword.pattern, &found, scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Pattern::MatchStar(_) => s.unsupported("a starred pattern cannot stand here"),
            Pattern::MatchAs(p) => {
                if let Some(inner) = &p.pattern
                    && !s.matches(inner, value, scope)?
                {
                    return Ok(false);
                }
                if let Some(name) = &p.name {
                    s.bind(name.as_str(), value.clone(), scope)?;
                }
                Ok(true)
            }
            Pattern::MatchOr(p) => {
                for inner in &p.patterns {
                    if s.matches(inner, value, scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        })
    }
}
