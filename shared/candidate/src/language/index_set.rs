//! Assignment to subscripts of tensors: writes through views, masks and index lists.

use std::rc::Rc;

use super::index::Entry;
use super::interp::{Eval, Interp};
use super::number::number;
use super::tensor::Tensor;
use super::value::Value;
use crate::finding::FindingKind;
use crate::ir::{DType, NodeId, Op};

impl Interp<'_> {
    /// `tensor[index] = value`.
    pub fn tensor_set(&mut self, tensor: &Rc<Tensor>, index: &Value, value: &Value) -> Eval<()> {
        let dims = self.dims(tensor)?;
        let entries = self.entries(index, dims.len())?;
        if let [Entry::Mask(mask), rest @ ..] = &entries[..]
            && rest.iter().all(|e| matches!(e, Entry::Slice(p) if p.iter().all(Value::is_none)))
        {
            return self.mask_set(tensor, *mask, &dims, value);
        }
        if entries.iter().any(|e| matches!(e, Entry::Mask(_))) {
            return self
                .unsupported("assignment through a mask beside other indices is not supported; use torch.where");
        }
        let mut lists = Vec::new();
        for (i, entry) in entries.iter().enumerate() {
            if let Entry::Index(node) = entry {
                lists.push((i, *node));
            }
        }
        match lists[..] {
            [] => {
                let (view, _) = self.basic(tensor, &entries)?;
                self.write_value(&view, value)
            }
            [(i, node)] => self.list_set(tensor, entries, i, node, value),
            _ => self.unsupported("assignment through several index tensors is not supported"),
        }
    }

    /// `x[mask] = value` with a value that broadcasts: a choice per element.
    fn mask_set(&mut self, tensor: &Rc<Tensor>, mask: NodeId, dims: &[usize], value: &Value) -> Eval<()> {
        let x = self.read(tensor)?;
        let value = self.node_of(value, self.graph.dtype(x))?;
        if self.graph.shape(value).iter().product::<usize>() != 1 {
            return self.unsupported("x[mask] = value needs a scalar value; use torch.where(mask, value, x)");
        }
        let mut shape = self.graph.shape(mask).to_vec();
        shape.resize(dims.len(), 1);
        let made = self.graph.reshape(mask, &shape);
        let mask = self.made(made)?;
        let made = self.graph.reshape(value, &[]);
        let value = self.made(made)?;
        let made = self.graph.select(mask, value, x);
        let node = self.made(made)?;
        self.write_in_place(tensor, node)
    }

    /// `x[.., list, ..] = value`: one slice at a time, so the index must be known.
    fn list_set(
        &mut self,
        tensor: &Rc<Tensor>,
        mut entries: Vec<Entry>,
        at: usize,
        index: NodeId,
        value: &Value,
    ) -> Eval<()> {
        let shape = self.graph.shape(index).to_vec();
        let Some(values) = self.constant(index).filter(|_| shape.len() == 1) else {
            return self
                .unsupported("assignment through an index tensor that depends on data is not supported; use scatter");
        };
        // The indexed axis within the target's own shape.
        let axis = entries[..at].iter().filter(|e| !matches!(e, Entry::Int(_))).count();
        if entries.iter().any(|e| matches!(e, Entry::Int(_))) {
            return self.unsupported("assignment through integers beside an index tensor is not supported");
        }
        for (i, position) in values.iter().enumerate() {
            let position = *position as i64;
            let value = match value {
                Value::Tensor(t) => {
                    let dims = self.dims(t)?;
                    let from_right = entries.len() - axis;
                    match dims.len().checked_sub(from_right) {
                        Some(a) if dims[a] == values.len() => {
                            let part = self.slice_view(t, a, i, 1, 1)?;
                            Value::Tensor(part)
                        }
                        _ => value.clone(),
                    }
                }
                _ => value.clone(),
            };
            let stop = if position == -1 { Value::None } else { Value::Int(position + 1) };
            entries[at] = Entry::Slice(Rc::new([Value::Int(position), stop, Value::None]));
            let (view, _) = self.basic(tensor, &entries)?;
            self.write_value(&view, &value)?;
        }
        Ok(())
    }

    /// Write a broadcasting value into a view.
    pub fn write_value(&mut self, view: &Rc<Tensor>, value: &Value) -> Eval<()> {
        let dims = self.dims(view)?;
        let dtype = self.dtype(view)?;
        let mut node = self.node_of(value, dtype)?;
        let shape = self.graph.shape(node).to_vec();
        if shape.len() > dims.len() && shape[..shape.len() - dims.len()].iter().all(|&d| d == 1) {
            let made = self.graph.reshape(node, &shape[shape.len() - dims.len()..]);
            node = self.made(made)?;
        }
        let made = self.graph.expand(node, &dims);
        let node = self.made(made)?;
        self.write_in_place(view, node)
    }

    /// A value as a node of this dtype.
    pub fn node_of(&mut self, value: &Value, dtype: DType) -> Eval<NodeId> {
        match value {
            Value::Tensor(t) => {
                let node = self.read(t)?;
                let made = self.graph.cast(node, dtype);
                self.made(made)
            }
            other => match number(other) {
                Some(x) => {
                    let x = match dtype {
                        DType::F32 => x,
                        DType::I64 => x.trunc(),
                        DType::Bool => f64::from(u8::from(x != 0.0)),
                    };
                    let made = self.graph.full(&[], x, dtype);
                    self.made(made)
                }
                None => self.type_error(format!("a tensor cannot hold {}", other.kind())),
            },
        }
    }

    /// Replace a tensor's contents on behalf of the text, minding parameters.
    pub fn write_in_place(&mut self, tensor: &Rc<Tensor>, node: NodeId) -> Eval<()> {
        use super::tensor::Role;
        use super::value::Phase;
        let dims = self.dims(tensor)?;
        if self.graph.shape(node) != &dims[..] {
            let message = format!("an in-place result of shape {:?} does not fit {dims:?}", self.graph.shape(node));
            return Err(self.fault(FindingKind::Shape, message).into());
        }
        if let (Phase::Forward, Role::Parameter(_)) = (self.phase, tensor.storage.role.get()) {
            return Err(self
                .fault(FindingKind::HiddenState, "forward changes a parameter in place")
                .hint("keep no state between calls; compute a new tensor instead")
                .into());
        }
        let old = self.dtype(tensor)?;
        let new = self.graph.dtype(node);
        let node = match (old, new) {
            _ if old == new => node,
            (DType::F32, _) | (DType::I64, DType::Bool) => {
                let made = self.graph.cast(node, old);
                self.made(made)?
            }
            _ => return self.raise("RuntimeError", format!("result type {new:?} cannot be cast to {old:?} in place")),
        };
        if self.phase == Phase::Forward {
            let span = self.span;
            let name = match self.graph.node(tensor.storage.node.get()).op {
                Op::Param(i) => {
                    let full = &self.graph.params[i as usize].name;
                    full.rsplit('.').next().unwrap_or(full).to_owned()
                }
                _ => "a buffer".to_owned(),
            };
            self.writes.borrow_mut().push((name, span));
        }
        self.write(tensor, node)
    }
}
