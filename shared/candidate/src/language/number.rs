//! Operators, truth and text of values.

use ruff_python_ast::{Operator, UnaryOp};

use super::interp::{Eval, Interp, Stop};
use super::value::{Dict, Value};
use crate::finding::FindingKind;
use crate::ir::{Binary, DType, Unary};

impl Interp<'_> {
    /// `a op b`.
    pub fn binary_op(&mut self, op: Operator, a: &Value, b: &Value) -> Eval<Value> {
        use Value::{Bool, Dict as D, Float, Int, List as L, Range, Set, Str, Tensor, Tuple};
        match (a, b) {
            (Value::Poison, _) | (_, Value::Poison) => Err(Stop::Poisoned),
            (Value::Missing(finding), _) | (_, Value::Missing(finding)) => Err(self.missing(finding)),
            (Value::Instance(object), _) if self.special(object, special_name(op)).is_some() => {
                let method = self.special(object, special_name(op)).expect("just found");
                self.call(&method, vec![b.clone()], vec![])
            }
            (Value::Complex(_), _) | (_, Value::Complex(_)) => self.complex_binary(op, a, b),
            (Tensor(_), Tensor(_) | Bool(_) | Int(_) | Float(_)) | (Bool(_) | Int(_) | Float(_), Tensor(_)) => {
                self.tensor_binary(op, a, b)
            }
            (Bool(x), Bool(y)) if matches!(op, Operator::BitAnd | Operator::BitOr | Operator::BitXor) => {
                Ok(Bool(match op {
                    Operator::BitAnd => x & y,
                    Operator::BitOr => x | y,
                    _ => x ^ y,
                }))
            }
            (Bool(x), _) if matches!(b, Bool(_) | Int(_) | Float(_)) => self.binary_op(op, &Int(i64::from(*x)), b),
            (Int(_) | Float(_), Bool(y)) => self.binary_op(op, a, &Int(i64::from(*y))),
            (Int(x), Int(y)) => self.int_op(op, *x, *y),
            (Int(x), Float(y)) => self.float_op(op, *x as f64, *y),
            (Float(x), Int(y)) => self.float_op(op, *x, *y as f64),
            (Float(x), Float(y)) => self.float_op(op, *x, *y),
            (Str(x), Str(y)) if op == Operator::Add => {
                self.length(x.len() + y.len(), "string")?;
                Ok(Value::str(&format!("{x}{y}")))
            }
            (Str(_), _) if op == Operator::Mod => self.unsupported("'%' formatting is not supported; use an f-string"),
            (Str(x), Int(n)) | (Int(n), Str(x)) if op == Operator::Mult => {
                let n = usize::try_from(*n).unwrap_or(0);
                self.length(x.len().saturating_mul(n), "string")?;
                Ok(Value::str(&x.repeat(n)))
            }
            (L(x), L(y)) if op == Operator::Add => {
                let mut items = x.items.borrow().clone();
                items.extend(y.items.borrow().iter().cloned());
                self.list(items)
            }
            (Tuple(x), Tuple(y)) if op == Operator::Add => {
                let items: Vec<_> = x.iter().chain(y.iter()).cloned().collect();
                self.length(items.len(), "tuple")?;
                Ok(Value::tuple(items))
            }
            (L(_) | Tuple(_), Int(n)) | (Int(n), L(_) | Tuple(_)) if op == Operator::Mult => {
                let seq = if matches!(a, Int(_)) { b } else { a };
                let items = self.iterate(seq)?;
                let n = usize::try_from(*n).unwrap_or(0);
                self.length(items.len().saturating_mul(n), "list")?;
                let repeated: Vec<_> = std::iter::repeat_n(items, n).flatten().collect();
                match seq {
                    Tuple(_) => Ok(Value::tuple(repeated)),
                    _ => self.list(repeated),
                }
            }
            (D(x), D(y)) if op == Operator::BitOr => {
                let mut merged: Dict = x.map.borrow().clone();
                for (name, value) in y.map.borrow().iter() {
                    let key = self.key(name)?;
                    merged.insert(key, name.clone(), value.clone());
                }
                self.dict(merged)
            }
            (Set(x), Set(y)) => {
                let (x, y) = (x.map.borrow().clone(), y.map.borrow().clone());
                let pick = |from: &Dict, other: &Dict, inside: bool| -> Vec<Value> {
                    from.iter()
                        .map(|(n, _)| n.clone())
                        .filter(|n| n.key().is_some_and(|k| other.get(&k).is_some()) == inside)
                        .collect()
                };
                let mut items = match op {
                    Operator::BitAnd => pick(&x, &y, true),
                    Operator::Sub | Operator::BitXor => pick(&x, &y, false),
                    Operator::BitOr => x.iter().map(|(n, _)| n.clone()).collect(),
                    _ => return self.bad_operands(op, a, b),
                };
                if matches!(op, Operator::BitOr | Operator::BitXor) {
                    items.extend(pick(&y, &x, false));
                }
                self.set(items)
            }
            // `int | None` in an annotation that is evaluated.
            (Value::Type(_) | Value::Class(_) | Value::Typing | Value::None, _) if op == Operator::BitOr => {
                Ok(Value::Typing)
            }
            (Range(..), _) | (_, Range(..)) => self.bad_operands(op, a, b),
            _ => self.bad_operands(op, a, b),
        }
    }

    fn bad_operands<T>(&mut self, op: Operator, a: &Value, b: &Value) -> Eval<T> {
        self.type_error(format!("unsupported operand types for {}: '{}' and '{}'", op.as_str(), a.kind(), b.kind()))
    }

    fn int_op(&mut self, op: Operator, x: i64, y: i64) -> Eval<Value> {
        let checked = match op {
            Operator::Add => x.checked_add(y),
            Operator::Sub => x.checked_sub(y),
            Operator::Mult => x.checked_mul(y),
            Operator::Div if y == 0 => return self.raise("ZeroDivisionError", "division by zero"),
            Operator::Div => return Ok(Value::Float(x as f64 / y as f64)),
            Operator::FloorDiv | Operator::Mod if y == 0 => {
                return self.raise("ZeroDivisionError", "integer division or modulo by zero");
            }
            Operator::FloorDiv => x.checked_div_euclid(y).map(|_| floor_div(x, y)),
            Operator::Mod => x.checked_rem(y).map(|_| x - floor_div(x, y) * y),
            Operator::Pow if y < 0 && x == 0 => {
                return self.raise("ZeroDivisionError", "0 cannot be raised to a negative power");
            }
            Operator::Pow if y < 0 => return Ok(Value::Float((x as f64).powf(y as f64))),
            Operator::Pow => match x {
                0 | 1 => Some(if y == 0 { 1 } else { x }),
                -1 => Some(if y % 2 == 0 { 1 } else { -1 }),
                _ => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)),
            },
            Operator::LShift => match u32::try_from(y) {
                Ok(y) if y < 63 => x.checked_mul(1 << y),
                Ok(_) if x == 0 => Some(0),
                Ok(_) => None,
                Err(_) => return self.value_error("negative shift count"),
            },
            Operator::RShift => match u32::try_from(y) {
                Ok(y) => Some(x >> y.min(63)),
                Err(_) => return self.value_error("negative shift count"),
            },
            Operator::BitAnd => Some(x & y),
            Operator::BitOr => Some(x | y),
            Operator::BitXor => Some(x ^ y),
            Operator::MatMult => return self.bad_operands(op, &Value::Int(x), &Value::Int(y)),
        };
        match checked {
            Some(value) => Ok(Value::Int(value)),
            None => Err(self.fault(FindingKind::Limit, "integers are limited to 64 bits").into()),
        }
    }

    fn float_op(&mut self, op: Operator, x: f64, y: f64) -> Eval<Value> {
        Ok(Value::Float(match op {
            Operator::Add => x + y,
            Operator::Sub => x - y,
            Operator::Mult => x * y,
            Operator::Div | Operator::FloorDiv | Operator::Mod if y == 0.0 => {
                return self.raise("ZeroDivisionError", "float division by zero");
            }
            Operator::Div => x / y,
            Operator::FloorDiv => (x / y).floor(),
            Operator::Mod => x - (x / y).floor() * y,
            Operator::Pow if x < 0.0 && y.fract() != 0.0 => {
                return self.unsupported("complex numbers are not supported");
            }
            Operator::Pow if x == 0.0 && y < 0.0 => {
                return self.raise("ZeroDivisionError", "0.0 cannot be raised to a negative power");
            }
            Operator::Pow => x.powf(y),
            _ => return self.bad_operands(op, &Value::Float(x), &Value::Float(y)),
        }))
    }

    /// `a op= b`: tensors and lists change in place.
    pub fn in_place(&mut self, op: Operator, a: &Value, b: &Value) -> Eval<Value> {
        match (a, b) {
            (Value::Tensor(t), _) if op != Operator::MatMult => {
                let result = self.binary_op(op, a, b)?;
                let Value::Tensor(result) = result else {
                    return self.type_error("in-place operation on a tensor");
                };
                let node = self.read(&result)?;
                self.write_in_place(t, node)?;
                Ok(a.clone())
            }
            (Value::List(list), _) if op == Operator::Add => {
                let more = self.iterate(b)?;
                self.outlives(list.born, "a list")?;
                let n = list.items.borrow().len() + more.len();
                self.length(n, "list")?;
                list.items.borrow_mut().extend(more);
                Ok(a.clone())
            }
            _ => self.binary_op(op, a, b),
        }
    }

    pub fn unary_op(&mut self, op: UnaryOp, a: &Value) -> Eval<Value> {
        match (op, a) {
            (_, Value::Poison) => Err(Stop::Poisoned),
            (UnaryOp::Not, _) => Ok(Value::Bool(!self.truth(a)?)),
            (UnaryOp::UAdd, Value::Int(_) | Value::Float(_) | Value::Tensor(_)) => Ok(a.clone()),
            (UnaryOp::USub, Value::Int(i)) => match i.checked_neg() {
                Some(i) => Ok(Value::Int(i)),
                None => Err(self.fault(FindingKind::Limit, "integers are limited to 64 bits").into()),
            },
            (UnaryOp::USub, Value::Float(x)) => Ok(Value::Float(-x)),
            (UnaryOp::USub, Value::Bool(b)) => Ok(Value::Int(-i64::from(*b))),
            (UnaryOp::UAdd, Value::Bool(b)) => Ok(Value::Int(i64::from(*b))),
            (UnaryOp::Invert, Value::Int(i)) => Ok(Value::Int(!i)),
            (UnaryOp::Invert, Value::Bool(b)) => Ok(Value::Int(!i64::from(*b))),
            (UnaryOp::USub, Value::Complex(c)) => self.complex_negative(&c.clone()),
            (UnaryOp::UAdd, Value::Complex(_)) => Ok(a.clone()),
            (UnaryOp::USub, Value::Tensor(t)) => self.map_unary(t, Unary::Neg),
            (UnaryOp::Invert, Value::Tensor(t)) => match self.dtype(t)? {
                DType::Bool => self.map_unary(t, Unary::Not),
                _ => self.unsupported("'~' of a tensor needs dtype bool"),
            },
            _ => self.type_error(format!("bad operand type for unary {}: '{}'", op.as_str(), a.kind())),
        }
    }

    /// Map a Python operator on tensors to the graph's.
    pub(super) fn tensor_binary(&mut self, op: Operator, a: &Value, b: &Value) -> Eval<Value> {
        let binary = match op {
            Operator::Add => Binary::Add,
            Operator::Sub => Binary::Sub,
            Operator::Mult => Binary::Mul,
            Operator::Div => Binary::Div,
            Operator::FloorDiv => Binary::FloorDiv,
            Operator::Mod => Binary::Rem,
            Operator::Pow => return self.power(a, b),
            Operator::BitAnd => Binary::And,
            Operator::BitOr => Binary::Or,
            Operator::BitXor => Binary::Xor,
            Operator::MatMult => return self.matmul_values(a, b),
            Operator::LShift | Operator::RShift => return self.unsupported("shifts of tensors are not supported"),
        };
        self.arithmetic(binary, a, b)
    }
}

/// A Python number as a float.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        Value::Int(i) => Some(*i as f64),
        Value::Float(x) => Some(*x),
        _ => None,
    }
}

/// Division rounded down; the divisor is not 0 and the quotient does not overflow.
pub fn floor_div(x: i64, y: i64) -> i64 {
    let q = x / y;
    match x % y != 0 && (x < 0) != (y < 0) {
        true => q - 1,
        false => q,
    }
}

/// Number of values of a range.
pub fn range_len(start: i64, stop: i64, step: i64) -> usize {
    let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
    let n = match step > 0 {
        true => (stop - start + step - 1) / step,
        false => (start - stop - step - 1) / -step,
    };
    usize::try_from(n.max(0)).unwrap_or(usize::MAX)
}

/// The method that a class defines for an operator.
fn special_name(op: Operator) -> &'static str {
    match op {
        Operator::Add => "__add__",
        Operator::Sub => "__sub__",
        Operator::Mult => "__mul__",
        Operator::MatMult => "__matmul__",
        Operator::Div => "__truediv__",
        Operator::FloorDiv => "__floordiv__",
        Operator::Mod => "__mod__",
        Operator::Pow => "__pow__",
        Operator::LShift => "__lshift__",
        Operator::RShift => "__rshift__",
        Operator::BitOr => "__or__",
        Operator::BitXor => "__xor__",
        Operator::BitAnd => "__and__",
    }
}
