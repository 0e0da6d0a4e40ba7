//! Arithmetic on tensors with PyTorch's promotion of dtypes.

use std::rc::Rc;

use crate::finding::FindingKind;
use crate::ir::{Binary, Compare, DType, NodeId, Unary};
use crate::language::interp::{Eval, Interp, Stop};
use crate::language::number::number;
use crate::language::tensor::{Layout, Tensor};
use crate::language::value::Value;

impl Interp<'_> {
    /// The dtype that a value brings into arithmetic.
    fn category(&mut self, value: &Value) -> Eval<DType> {
        match value {
            Value::Tensor(t) => self.dtype(t),
            Value::Bool(_) => Ok(DType::Bool),
            Value::Int(_) => Ok(DType::I64),
            Value::Float(_) => Ok(DType::F32),
            Value::Poison => Err(Stop::Poisoned),
            other => self.type_error(format!("a tensor operation on {}", other.kind())),
        }
    }

    /// Both operands in their common dtype.
    pub fn promote(&mut self, a: &Value, b: &Value) -> Eval<(NodeId, NodeId, DType)> {
        let rank = |d: DType| match d {
            DType::Bool => 0,
            DType::I64 => 1,
            DType::F32 => 2,
        };
        let (da, db) = (self.category(a)?, self.category(b)?);
        let dtype = if rank(da) >= rank(db) { da } else { db };
        Ok((self.node_of(a, dtype)?, self.node_of(b, dtype)?, dtype))
    }

    fn layout_of_values(&self, a: &Value, b: &Value) -> Layout {
        let tensors: Vec<&Rc<Tensor>> =
            [a, b].into_iter().filter_map(|v| if let Value::Tensor(t) = v { Some(t) } else { None }).collect();
        self.layout_of(&tensors)
    }

    /// `a op b`, at least one a tensor.
    pub fn arithmetic(&mut self, op: Binary, a: &Value, b: &Value) -> Eval<Value> {
        let layout = self.layout_of_values(a, b);
        let (mut x, mut y, dtype) = self.promote(a, b)?;
        let op = match (op, dtype) {
            (Binary::Add, DType::Bool) => Binary::Or,
            (Binary::Mul, DType::Bool) => Binary::And,
            (Binary::Sub, DType::Bool) => {
                return Err(self
                    .fault(FindingKind::Type, "subtraction of bool tensors is not defined")
                    .hint("use ^ or ~")
                    .into());
            }
            (Binary::And | Binary::Or | Binary::Xor, DType::I64) => {
                return self.unsupported("bitwise operators on integer tensors are not supported");
            }
            (Binary::And | Binary::Or | Binary::Xor, DType::F32) => {
                return self.raise("RuntimeError", "bitwise operators are not defined for float tensors");
            }
            (op, _) => op,
        };
        let wanted = match (op, dtype) {
            (Binary::Div | Binary::Pow, _) => DType::F32,
            (Binary::Maximum | Binary::Minimum | Binary::FloorDiv | Binary::Rem, DType::Bool) => DType::I64,
            _ => dtype,
        };
        for node in [&mut x, &mut y] {
            let made = self.graph.cast(*node, wanted);
            *node = self.made(made)?;
        }
        let made = self.graph.binary(op, x, y);
        let node = self.made(made)?;
        Ok(Value::Tensor(Tensor::fresh(node, layout)))
    }

    /// `a compare b`, at least one a tensor.
    pub fn tensor_compare(&mut self, compare: Compare, a: &Value, b: &Value) -> Eval<Value> {
        let layout = self.layout_of_values(a, b);
        let (x, y, _) = self.promote(a, b)?;
        let made = self.graph.compare(compare, x, y);
        let node = self.made(made)?;
        Ok(Value::Tensor(Tensor::fresh(node, layout)))
    }

    /// `a ** b`
    pub fn power(&mut self, a: &Value, b: &Value) -> Eval<Value> {
        let Value::Tensor(base) = a else {
            return self.arithmetic(Binary::Pow, a, b);
        };
        let dtype = self.dtype(base)?;
        let exponent = number(b);
        if dtype != DType::F32 && !matches!(b, Value::Float(_)) {
            return match exponent {
                Some(n) if (1.0..=16.0).contains(&n) => {
                    let mut result = a.clone();
                    for _ in 1..n as usize {
                        result = self.arithmetic(Binary::Mul, &result, a)?;
                    }
                    Ok(result)
                }
                Some(n) if n < 0.0 => self.raise("RuntimeError", "integers to negative integer powers are not allowed"),
                _ => self
                    .unsupported("powers of integer tensors are supported for small constant exponents; use .float()"),
            };
        }
        let layout = base.layout;
        let node = self.node_of(a, DType::F32)?;
        let made = match exponent {
            Some(1.0) => Ok(node),
            Some(2.0) => self.graph.mul(node, node),
            Some(3.0) => self.graph.mul(node, node).and_then(|square| self.graph.mul(square, node)),
            Some(0.5) => self.graph.unary(Unary::Sqrt, node),
            Some(-0.5) => self.graph.unary(Unary::Rsqrt, node),
            Some(-1.0) => self.graph.unary(Unary::Recip, node),
            _ => return self.arithmetic(Binary::Pow, a, b),
        };
        let node = self.made(made)?;
        Ok(Value::Tensor(Tensor::fresh(node, layout)))
    }

    /// An elementwise function; integers become floats where the function needs it.
    pub fn map_unary(&mut self, tensor: &Rc<Tensor>, f: Unary) -> Eval<Value> {
        let node = self.read(tensor)?;
        let dtype = self.graph.dtype(node);
        let node = match (f, dtype) {
            (Unary::Not, DType::Bool) | (Unary::Neg | Unary::Abs | Unary::Sign, DType::I64) => node,
            (Unary::Floor | Unary::Ceil | Unary::Round, DType::I64) => return Ok(Value::Tensor(tensor.alias())),
            (Unary::Not, _) => {
                let made = self.graph.cast(node, DType::Bool);
                self.made(made)?
            }
            (Unary::Neg, DType::Bool) => return self.raise("RuntimeError", "negation of a bool tensor: use ~"),
            _ => {
                let made = self.graph.cast(node, DType::F32);
                self.made(made)?
            }
        };
        let made = self.graph.unary(f, node);
        let node = self.made(made)?;
        Ok(Value::Tensor(Tensor::fresh(node, tensor.layout)))
    }

    /// A constant's values.
    pub fn constant(&mut self, node: NodeId) -> Option<Rc<[f64]>> {
        self.constants.get(&self.graph, node).map(|values| values.iter().copied().collect())
    }

    /// The single value of a tensor that depends on constants alone.
    pub fn scalar_of(&mut self, value: &Value, what: &str) -> Eval<f64> {
        match value {
            Value::Tensor(t) => {
                let node = self.read(t)?;
                if self.graph.node(node).elements() != 1 {
                    let shape = self.graph.shape(node).to_vec();
                    return self.raise(
                        "RuntimeError",
                        format!("{what} of shape {shape:?} is ambiguous: it has more than one element"),
                    );
                }
                match self.constant(node) {
                    Some(values) => Ok(values[0]),
                    None if self.constants.exhausted() => Err(self
                        .fault(
                            FindingKind::Limit,
                            format!("{what} needs more constants than are computed while tracing"),
                        )
                        .hint("decide by sizes and by small constants")
                        .into()),
                    None => Err(self
                        .fault(
                            FindingKind::Unsupported,
                            format!("{what} depends on data: control flow must not depend on tensor values"),
                        )
                        .hint("use torch.where, or a condition on shapes and constants")
                        .into()),
                }
            }
            other => match number(other) {
                Some(x) => Ok(x),
                None => self.type_error(format!("{what} must be a number, not {}", other.kind())),
            },
        }
    }

    /// Say once that a narrower or wider float is computed as float32.
    pub fn note_dtype(&mut self, name: &'static str) {
        if matches!(name, "float16" | "bfloat16" | "float64") {
            self.note(format!("{name} is computed as float32"));
        }
    }
}
