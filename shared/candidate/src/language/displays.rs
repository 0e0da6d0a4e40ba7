//! Displays, comprehensions and f-strings.

use std::rc::Rc;

use ruff_python_ast::{self as ast, Expr};

use super::interp::{Eval, Interp, Stop};
use super::path::Choice;
use super::value::{Dict, Scope, ScopeKind, Value};

impl<'a> Interp<'a> {
    /// Evaluate the entries of a display, spreading stars.
    pub fn items(&mut self, elts: &'a [Expr], scope: &Rc<Scope>) -> Eval<Vec<Value>> {
        let mut items = Vec::with_capacity(elts.len());
        for e in elts {
            match e {
                Expr::Starred(starred) => {
                    let value = self.expr(&starred.value, scope)?;
                    self.at(starred);
                    items.extend(self.iterate(&value)?);
                }
                e => items.push(self.expr(e, scope)?),
            }
        }
        Ok(items)
    }

    pub(super) fn dict_display(&mut self, e: &'a ast::ExprDict, scope: &Rc<Scope>) -> Eval<Value> {
        let mut dict = Dict::default();
        for item in &e.items {
            match &item.key {
                Some(key) => {
                    let name = self.expr(key, scope)?;
                    let value = self.expr(&item.value, scope)?;
                    self.at(e);
                    let key = self.key(&name)?;
                    dict.insert(key, name, value);
                }
                None => match self.expr(&item.value, scope)? {
                    Value::Dict(other) => {
                        for (name, value) in other.map.borrow().iter() {
                            let key = self.key(name)?;
                            dict.insert(key, name.clone(), value.clone());
                        }
                    }
                    Value::Poison => return Err(Stop::Poisoned),
                    other => return self.type_error(format!("** needs a dict, got {}", other.kind())),
                },
            }
        }
        self.dict(dict)
    }

    pub(super) fn comprehend(
        &mut self,
        generators: &'a [ast::Comprehension],
        scope: &Rc<Scope>,
        each: &mut dyn FnMut(&mut Self, &Rc<Scope>) -> Eval<()>,
    ) -> Eval<()> {
        let Some((first, rest)) = generators.split_first() else {
            return each(self, scope);
        };
        let iterable = self.expr(&first.iter, scope)?;
        self.at(&first.iter);
        let values = self.iterate(&iterable)?;
        match iterable {
            Value::Range(_, _, step) => self.ranged(values.len(), step),
            _ => self.decided(Choice::Rounds, values.len().min(2) as u32),
        }
        for value in values {
            self.tick(1)?;
            let inner = self.scope(ScopeKind::Comprehension, scope, Rc::default());
            self.assign(&first.target, value, &inner)?;
            let mut kept = true;
            for test in &first.ifs {
                let value = self.expr(test, &inner)?;
                self.at(test);
                if !self.truth(&value)? {
                    kept = false;
                    break;
                }
            }
            if kept {
                self.comprehend(rest, &inner, each)?;
            }
        }
        Ok(())
    }

    pub(super) fn fstring(&mut self, e: &'a ast::ExprFString, scope: &Rc<Scope>) -> Eval<Value> {
        let mut text = String::new();
        for part in &e.value {
            match part {
                ast::FStringPart::Literal(literal) => text.push_str(&literal.value),
                ast::FStringPart::FString(f) => self.fstring_elements(&f.elements, scope, &mut text)?,
            }
        }
        self.length(text.len(), "string")?;
        Ok(Value::str(&text))
    }

    fn fstring_elements(
        &mut self,
        elements: &'a ast::InterpolatedStringElements,
        scope: &Rc<Scope>,
        text: &mut String,
    ) -> Eval<()> {
        for element in elements {
            match element {
                ast::InterpolatedStringElement::Literal(literal) => text.push_str(&literal.value),
                ast::InterpolatedStringElement::Interpolation(part) => {
                    let value = self.expr(&part.expression, scope)?;
                    let mut shown = match part.conversion {
                        ast::ConversionFlag::Repr => self.repr(&value)?,
                        _ => self.text(&value)?,
                    };
                    if let Some(spec) = &part.format_spec {
                        let mut format = String::new();
                        self.fstring_elements(&spec.elements, scope, &mut format)?;
                        shown = super::text::format(&value, &shown, &format);
                    }
                    text.push_str(&shown);
                    self.length(text.len(), "string")?;
                }
            }
        }
        Ok(())
    }
}
