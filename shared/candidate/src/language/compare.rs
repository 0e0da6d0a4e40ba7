//! Comparison, membership and truth.

use std::rc::Rc;

use ruff_python_ast::CmpOp;

use super::interp::{Eval, Interp, Stop};
use super::number::{number, range_len};
use super::path::Choice;
use super::value::Value;
use crate::ir::Compare;

impl Interp<'_> {
    pub fn compare_op(&mut self, op: CmpOp, a: &Value, b: &Value) -> Eval<Value> {
        let result = self.compared(op, a, b)?;
        if let Value::Bool(holds) = result {
            self.decided(Choice::Test, u32::from(holds));
        }
        Ok(result)
    }

    fn compared(&mut self, op: CmpOp, a: &Value, b: &Value) -> Eval<Value> {
        if matches!(a, Value::Poison) || matches!(b, Value::Poison) {
            return Err(Stop::Poisoned);
        }
        match op {
            CmpOp::Is => return Ok(Value::Bool(self.is(a, b))),
            CmpOp::IsNot => return Ok(Value::Bool(!self.is(a, b))),
            CmpOp::In => return Ok(Value::Bool(self.contains(b, a)?)),
            CmpOp::NotIn => return Ok(Value::Bool(!self.contains(b, a)?)),
            _ => {}
        }
        let numeric = |v: &Value| matches!(v, Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Tensor(_));
        if (matches!(a, Value::Tensor(_)) || matches!(b, Value::Tensor(_))) && numeric(a) && numeric(b) {
            let compare = match op {
                CmpOp::Eq => Compare::Eq,
                CmpOp::NotEq => Compare::Ne,
                CmpOp::Lt => Compare::Lt,
                CmpOp::LtE => Compare::Le,
                CmpOp::Gt => Compare::Gt,
                _ => Compare::Ge,
            };
            return self.tensor_compare(compare, a, b);
        }
        match op {
            CmpOp::Eq => Ok(Value::Bool(self.equal(a, b)?)),
            CmpOp::NotEq => Ok(Value::Bool(!self.equal(a, b)?)),
            _ => {
                let Some(order) = self.order(a, b)? else {
                    return self.type_error(format!("'{}' and '{}' cannot be ordered", a.kind(), b.kind()));
                };
                use std::cmp::Ordering::{Equal, Greater, Less};
                Ok(Value::Bool(match (op, order) {
                    (_, None) => false,
                    (CmpOp::Lt, Some(o)) => o == Less,
                    (CmpOp::LtE, Some(o)) => o != Greater,
                    (CmpOp::Gt, Some(o)) => o == Greater,
                    (_, Some(o)) => o == Greater || o == Equal,
                }))
            }
        }
    }

    pub fn is(&self, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::None, Value::None) | (Value::Ellipsis, Value::Ellipsis) | (Value::Device, Value::Device) => true,
            (Value::Bool(x), Value::Bool(y)) => x == y,
            (Value::Int(x), Value::Int(y)) => x == y,
            (Value::Str(x), Value::Str(y)) => x == y,
            (Value::List(x), Value::List(y)) => Rc::ptr_eq(x, y),
            (Value::Dict(x), Value::Dict(y)) => Rc::ptr_eq(x, y),
            (Value::Native(x), Value::Native(y)) => std::ptr::eq(*x, *y),
            (Value::Tuple(x), Value::Tuple(y)) => Rc::ptr_eq(x, y),
            _ => match (a.key(), b.key()) {
                (Some(x), Some(y)) => std::mem::discriminant(a) == std::mem::discriminant(b) && x == y,
                _ => false,
            },
        }
    }

    /// `None`: no order is defined; `Some(None)`: unordered (NaN).
    pub fn order(&mut self, a: &Value, b: &Value) -> Eval<Option<Option<std::cmp::Ordering>>> {
        self.tick(1)?;
        Ok(match (a, b) {
            (Value::Str(x), Value::Str(y)) => Some(Some(x.cmp(y))),
            (Value::Tuple(_) | Value::List(_), Value::Tuple(_) | Value::List(_)) => {
                let (x, y) = (self.iterate(a)?, self.iterate(b)?);
                for (x, y) in x.iter().zip(&y) {
                    if !self.equal(x, y)? {
                        return self.deeper(|s| s.order(x, y));
                    }
                }
                Some(Some(x.len().cmp(&y.len())))
            }
            _ => match (number(a), number(b)) {
                (Some(x), Some(y)) => match (a, b) {
                    (Value::Int(x), Value::Int(y)) => Some(Some(x.cmp(y))),
                    _ => Some(x.partial_cmp(&y)),
                },
                _ => None,
            },
        })
    }

    /// `a == b` of values that are not tensors.
    pub fn equal(&mut self, a: &Value, b: &Value) -> Eval<bool> {
        self.tick(1)?;
        Ok(match (a, b) {
            (Value::Int(x), Value::Int(y)) => x == y,
            (Value::Tuple(_), Value::Tuple(_)) | (Value::List(_), Value::List(_)) => {
                let (x, y) = (self.iterate(a)?, self.iterate(b)?);
                if x.len() != y.len() {
                    return Ok(false);
                }
                for (x, y) in x.iter().zip(&y) {
                    if !self.deeper(|s| s.equal(x, y))? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Dict(x), Value::Dict(y)) | (Value::Set(x), Value::Set(y)) => {
                let (x, y) = (x.map.borrow().clone(), y.map.borrow().clone());
                if x.len() != y.len() {
                    return Ok(false);
                }
                for (name, value) in x.iter() {
                    let key = self.key(name)?;
                    let Some(other) = y.get(&key) else { return Ok(false) };
                    if !self.deeper(|s| s.equal(value, other))? {
                        return Ok(false);
                    }
                }
                true
            }
            _ => match (number(a), number(b)) {
                (Some(x), Some(y)) => x == y,
                _ => self.is(a, b),
            },
        })
    }

    pub fn contains(&mut self, container: &Value, item: &Value) -> Eval<bool> {
        match (container, item) {
            (Value::Str(text), Value::Str(part)) => Ok(text.contains(&**part)),
            (Value::Dict(table) | Value::Set(table), _) => {
                let key = self.key(item)?;
                Ok(table.map.borrow().get(&key).is_some())
            }
            (Value::List(_) | Value::Tuple(_) | Value::Range(..), _) => {
                for value in self.iterate(container)? {
                    if self.equal(&value, item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Value::Instance(object), _) if self.special(object, "__contains__").is_some() => {
                let method = self.special(object, "__contains__").expect("just found");
                let found = self.call(&method, vec![item.clone()], vec![])?;
                self.truth(&found)
            }
            (Value::Instance(object), Value::Str(name)) => Ok(object.get(name).is_some()),
            (Value::Silent, _) => Ok(false),
            _ => self.type_error(format!("argument of type '{}' is not a container", container.kind())),
        }
    }

    /// Whether a value counts as true.
    pub fn truth(&mut self, value: &Value) -> Eval<bool> {
        if let Value::Instance(object) = value {
            let own = self.special(object, "__bool__").or_else(|| self.special(object, "__len__"));
            if let Some(method) = own {
                let value = self.call(&method, vec![], vec![])?;
                return self.deeper(|s| s.truth(&value));
            }
        }
        let holds = match value {
            Value::None => false,
            Value::Bool(b) => *b,
            Value::Int(i) => *i != 0,
            Value::Float(x) => *x != 0.0,
            Value::Str(s) => !s.is_empty(),
            Value::Tuple(items) => !items.is_empty(),
            Value::List(list) => !list.items.borrow().is_empty(),
            Value::Dict(table) | Value::Set(table) => table.map.borrow().len() > 0,
            Value::Range(start, stop, step) => range_len(*start, *stop, *step) > 0,
            Value::Tensor(_) => self.scalar_of(value, "the truth of a tensor")? != 0.0,
            Value::Instance(object) if object.class.find("forward").is_none() => {
                object.attrs.borrow().len() > 0 || !object.class.is_a("ModuleList")
            }
            Value::Poison => return Err(Stop::Poisoned),
            Value::Silent => false,
            Value::Missing(finding) => return Err(self.missing(finding)),
            _ => true,
        };
        self.decided(Choice::Test, u32::from(holds));
        Ok(holds)
    }
}
