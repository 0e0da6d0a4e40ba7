//! Subscripts of containers.

use std::rc::Rc;

use super::builtins;
use super::interp::{Eval, Interp, Stop};
use super::number::range_len;
use super::path::Choice;
use super::value::{Instance, Value};
use crate::finding::FindingKind;

impl Interp<'_> {
    /// `object[index]`.
    pub fn get_item(&mut self, object: &Value, index: &Value) -> Eval<Value> {
        match (object, index) {
            (Value::Poison, _) | (_, Value::Poison) => Err(Stop::Poisoned),
            (Value::Missing(finding), _) | (_, Value::Missing(finding)) => Err(self.missing(finding)),
            (Value::Complex(complex), _) => self.complex_item(&complex.clone(), index),
            (Value::Tensor(tensor), _) => self.tensor_get(tensor, index),
            (Value::Dict(table), _) => {
                let key = self.key(index)?;
                let (found, default) = {
                    let map = table.map.borrow();
                    (map.get(&key).cloned(), map.default.clone())
                };
                if let (None, Some(factory)) = (&found, default) {
                    let made = self.call(&factory, vec![], vec![])?;
                    self.set_item(object, index, made.clone())?;
                    return Ok(made);
                }
                match found {
                    Some(value) => Ok(value),
                    None => {
                        let shown = self.repr(index)?;
                        self.raise("KeyError", shown)
                    }
                }
            }
            (Value::List(list), Value::Slice(parts)) => {
                let items = list.items.borrow().clone();
                let picked = self.slice_items(&items, parts)?;
                self.list(picked)
            }
            (Value::List(list), _) => {
                let n = list.items.borrow().len();
                let i = self.position(index, n, "list")?;
                let value = list.items.borrow()[i].clone();
                Ok(value)
            }
            (Value::Tuple(items), Value::Slice(parts)) => Ok(Value::tuple(self.slice_items(items, parts)?)),
            (Value::Tuple(items), _) => Ok(items[self.position(index, items.len(), "tuple")?].clone()),
            (Value::Str(text), _) => {
                let chars: Vec<_> = text.chars().map(|c| Value::str(c.encode_utf8(&mut [0; 4]))).collect();
                match index {
                    Value::Slice(parts) => {
                        let picked = self.slice_items(&chars, parts)?;
                        let text: Vec<_> = picked.iter().map(|c| self.text(c)).collect::<Eval<_>>()?;
                        Ok(Value::str(&text.concat()))
                    }
                    _ => Ok(chars[self.position(index, chars.len(), "string")?].clone()),
                }
            }
            (Value::Range(start, stop, step), Value::Int(_)) => {
                let i = self.position(index, range_len(*start, *stop, *step), "range")?;
                Ok(Value::Int(start + i as i64 * step))
            }
            (Value::Range(..), Value::Slice(parts)) => {
                let items = self.iterate(object)?;
                let picked = self.slice_items(&items, parts)?;
                self.list(picked)
            }
            (Value::Instance(instance), _) if instance.class.is_a("NamedTuple") => {
                let items = Value::tuple(instance.tuple_items());
                self.get_item(&items, index)
            }
            (Value::Instance(instance), _) => match self.special(instance, "__getitem__") {
                Some(method) => self.call(&method, vec![index.clone()], vec![]),
                None => self.child(instance, index),
            },
            (Value::Class(class), Value::Str(name)) if class.is_a("Enum") => self.attribute(object, &name.clone()),
            (Value::Class(_), _) => Ok(object.clone()),
            (other, _) => self.type_error(format!("'{}' object is not subscriptable", other.kind())),
        }
    }

    fn child(&mut self, instance: &Rc<Instance>, index: &Value) -> Eval<Value> {
        let children = builtins::children(instance);
        match index {
            Value::Slice(parts) => {
                let values: Vec<_> = children.into_iter().map(|(_, v)| v).collect();
                let picked = self.slice_items(&values, parts)?;
                let class = Value::Class(instance.class.clone());
                let sequential = instance.class.is_a("Sequential");
                match sequential {
                    true => self.grouped(&class, picked),
                    false => self.list(picked),
                }
            }
            Value::Str(name) => match children.into_iter().find(|(n, _)| n == name) {
                Some((_, value)) => Ok(value),
                None => self.raise("KeyError", format!("'{name}'")),
            },
            _ if instance.class.is_a("Module") => {
                let i = self.position(index, children.len(), &instance.class.name.clone())?;
                Ok(children[i].1.clone())
            }
            _ => self.type_error(format!("'{}' object is not subscriptable", instance.class.name)),
        }
    }

    /// A container module of existing modules; made anew without new parameters.
    fn grouped(&mut self, class: &Value, values: Vec<Value>) -> Eval<Value> {
        let phase = std::mem::replace(&mut self.phase, super::value::Phase::Construct);
        let made = self.call(class, values, vec![]);
        self.phase = phase;
        made
    }

    /// A list index within bounds.
    pub fn position(&mut self, index: &Value, n: usize, what: &str) -> Eval<usize> {
        let i = match index {
            Value::Int(i) => *i,
            Value::Bool(b) => i64::from(*b),
            Value::Tensor(_) => self.scalar_of(index, "an index")? as i64,
            other => {
                return self.type_error(format!("{what} indices must be integers or slices, not {}", other.kind()));
            }
        };
        let at = if i < 0 { i.saturating_add(n as i64) } else { i };
        match usize::try_from(at) {
            Ok(at) if at < n => Ok(at),
            _ => self.raise("IndexError", format!("{what} index {i} out of range for length {n}")),
        }
    }

    /// Start, length and step of a slice of `n` entries.
    pub fn slice_bounds(&mut self, parts: &[Value; 3], n: usize) -> Eval<(i64, usize, i64)> {
        let int = |s: &mut Self, v: &Value| -> Eval<Option<i64>> {
            match v {
                Value::None => Ok(None),
                Value::Int(i) => Ok(Some(*i)),
                Value::Bool(b) => Ok(Some(i64::from(*b))),
                Value::Tensor(_) => Ok(Some(s.scalar_of(v, "a slice bound")? as i64)),
                Value::Poison => Err(Stop::Poisoned),
                other => s.type_error(format!("slice indices must be integers or None, not {}", other.kind())),
            }
        };
        let (start, stop, step) = (int(self, &parts[0])?, int(self, &parts[1])?, int(self, &parts[2])?.unwrap_or(1));
        if step == 0 {
            return self.value_error("slice step cannot be zero");
        }
        let n = n as i64;
        let outside = |i: Option<i64>| u32::from(i.is_some_and(|i| i > n || i < -n));
        let over = outside(start) | outside(stop) << 1;
        let clamp = |i: i64, low: i64, high: i64| if i < 0 { i.saturating_add(n).max(low) } else { i.min(high) };
        let (start, stop) = match step > 0 {
            true => (clamp(start.unwrap_or(0), 0, n), clamp(stop.unwrap_or(n), 0, n)),
            false => (clamp(start.unwrap_or(n - 1), -1, n - 1), stop.map_or(-1, |s| clamp(s, -1, n - 1))),
        };
        let len = range_len(start, stop, step);
        self.decided(Choice::Slice, over | u32::from(len == 0) << 2);
        Ok((start, len, step))
    }

    fn slice_items(&mut self, items: &[Value], parts: &[Value; 3]) -> Eval<Vec<Value>> {
        let (start, len, step) = self.slice_bounds(parts, items.len())?;
        self.length(len, "list")?;
        Ok((0..len as i64).map(|i| items[(start + i * step) as usize].clone()).collect())
    }

    /// `object[index] = value`.
    pub fn set_item(&mut self, object: &Value, index: &Value, value: Value) -> Eval<()> {
        match (object, index) {
            (Value::Poison, _) | (_, Value::Poison) => Err(Stop::Poisoned),
            (Value::Tensor(tensor), _) => {
                if matches!(value, Value::Poison) {
                    return Err(Stop::Poisoned);
                }
                self.tensor_set(tensor, index, &value)
            }
            (Value::List(list), Value::Slice(parts)) => {
                let values = self.iterate(&value)?;
                let n = list.items.borrow().len();
                let (start, len, step) = self.slice_bounds(parts, n)?;
                if step != 1 {
                    return self.unsupported("assignment to a list slice with a step is not supported");
                }
                self.outlives(list.born, "a list")?;
                self.length(n - len + values.len(), "list")?;
                list.items.borrow_mut().splice(start as usize..start as usize + len, values);
                Ok(())
            }
            (Value::List(list), _) => {
                let n = list.items.borrow().len();
                let i = self.position(index, n, "list")?;
                self.outlives(list.born, "a list")?;
                list.items.borrow_mut()[i] = value;
                Ok(())
            }
            (Value::Dict(table), _) => {
                let key = self.key(index)?;
                self.outlives(table.born, "a dict")?;
                table.map.borrow_mut().insert(key, index.clone(), value);
                let n = table.map.borrow().len();
                self.length(n.min(self.limits.length + 1), "dict")
            }
            (Value::Instance(instance), _) if instance.class.is_a("Module") => {
                let name = match index {
                    Value::Str(name) => name.to_string(),
                    _ => {
                        let n = builtins::children(instance).len();
                        self.position(index, n, &instance.class.name.clone())?.to_string()
                    }
                };
                self.outlives(instance.born, &name)?;
                instance.set(&name, value);
                Ok(())
            }
            (Value::Instance(instance), _) if self.special(instance, "__setitem__").is_some() => {
                let method = self.special(instance, "__setitem__").expect("just found");
                self.call(&method, vec![index.clone(), value], vec![]).map(drop)
            }
            (Value::Silent, _) => Ok(()),
            (other, _) => self.type_error(format!("'{}' object does not support item assignment", other.kind())),
        }
    }

    pub fn delete_item(&mut self, object: &Value, index: &Value) -> Eval<()> {
        match object {
            Value::Dict(table) => {
                let key = self.key(index)?;
                self.outlives(table.born, "a dict")?;
                let n = table.map.borrow().len() as u64;
                self.tick(n)?;
                match table.map.borrow_mut().remove(&key) {
                    Some(_) => Ok(()),
                    None => Err(self.fault(FindingKind::Type, "KeyError: del of a missing key").into()),
                }
            }
            Value::List(list) => {
                let n = list.items.borrow().len();
                let i = self.position(index, n, "list")?;
                self.tick(n as u64)?;
                self.outlives(list.born, "a list")?;
                list.items.borrow_mut().remove(i);
                Ok(())
            }
            other => self.type_error(format!("'{}' object does not support item deletion", other.kind())),
        }
    }
}
