//! Subscripts of tensors: views for integers, slices, `None` and `...`; gathers for index tensors.

use std::rc::Rc;

use super::interp::{Eval, Interp};
use super::number::number;
use super::tensor::{Layout, Tensor, View};
use super::value::Value;
use crate::finding::FindingKind;
use crate::ir::{Axis, Compare, DType, NodeId, Op};

/// One entry of a subscript.
pub(super) enum Entry {
    Int(i64),
    Slice(Rc<[Value; 3]>),
    New,
    Index(NodeId),
    Mask(NodeId),
}

impl Interp<'_> {
    pub(super) fn entries(&mut self, index: &Value, rank: usize) -> Eval<Vec<Entry>> {
        let parts = match index {
            Value::Tuple(parts) => parts.to_vec(),
            other => vec![other.clone()],
        };
        let mut entries = Vec::new();
        let mut ellipsis = None;
        let mut used = 0;
        for part in &parts {
            match part {
                Value::Ellipsis if ellipsis.is_some() => {
                    return self.raise("IndexError", "only one '...' per subscript");
                }
                Value::Ellipsis => ellipsis = Some(entries.len()),
                Value::None => entries.push(Entry::New),
                Value::Int(i) => {
                    entries.push(Entry::Int(*i));
                    used += 1;
                }
                Value::Bool(_) => return self.unsupported("a subscript of True or False is not supported"),
                Value::Slice(parts) => {
                    entries.push(Entry::Slice(parts.clone()));
                    used += 1;
                }
                Value::Tensor(t) => {
                    let node = self.read(t)?;
                    match self.graph.dtype(node) {
                        DType::Bool => {
                            used += self.graph.shape(node).len();
                            entries.push(Entry::Mask(node));
                        }
                        DType::I64 => {
                            used += 1;
                            match (self.graph.shape(node).is_empty(), self.constant(node)) {
                                (true, Some(values)) => entries.push(Entry::Int(values[0] as i64)),
                                _ => entries.push(Entry::Index(node)),
                            }
                        }
                        DType::F32 => {
                            return self.raise("IndexError", "tensors used as indices must be integers or bools");
                        }
                    }
                }
                Value::List(_) | Value::Range(..) => {
                    let values = self.iterate(part)?;
                    let numbers: Option<Vec<f64>> = values.iter().map(number).collect();
                    let Some(numbers) = numbers else {
                        return self.unsupported("a subscript list must hold integers");
                    };
                    let made = self.graph.literal(&[numbers.len()], numbers, DType::I64);
                    entries.push(Entry::Index(self.made(made)?));
                    used += 1;
                }
                other => return self.type_error(format!("a tensor cannot be indexed by {}", other.kind())),
            }
        }
        if used > rank {
            return self.raise("IndexError", format!("too many indices ({used}) for a tensor of {rank} dimensions"));
        }
        let at = ellipsis.unwrap_or(entries.len());
        let all = || Entry::Slice(Rc::new([Value::None, Value::None, Value::None]));
        entries.splice(at..at, (used..rank).map(|_| all()));
        Ok(entries)
    }

    /// Apply integers, slices and `None` as views. Returns the view and, per axis left over, its index tensor.
    pub(super) fn basic(&mut self, tensor: &Rc<Tensor>, entries: &[Entry]) -> Eval<(Rc<Tensor>, Vec<Option<NodeId>>)> {
        let mut view = tensor.clone();
        let mut axis = 0;
        let mut shape = Vec::new();
        let mut indexed = Vec::new();
        for entry in entries {
            let dims = self.dims(&view)?;
            match entry {
                Entry::New => {
                    shape.push(1);
                    indexed.push(None);
                }
                Entry::Int(i) => {
                    let size = dims[axis];
                    let at = if *i < 0 { *i + size as i64 } else { *i };
                    let Some(start) = usize::try_from(at).ok().filter(|&at| at < size) else {
                        let message = format!("index {i} is out of bounds for dimension {axis} with size {size}");
                        return self.raise("IndexError", message);
                    };
                    view = self.slice_view(&view, axis, start, 1, 1)?;
                    axis += 1;
                }
                Entry::Slice(parts) => {
                    let (start, len, step) = self.slice_bounds(parts, dims[axis])?;
                    if step < 0 {
                        return Err(self
                            .fault(FindingKind::Type, "ValueError: a tensor slice needs a positive step")
                            .hint("use .flip(dim)")
                            .into());
                    }
                    if start != 0 || len != dims[axis] || step != 1 {
                        view = self.slice_view(&view, axis, (start as usize).min(dims[axis]), len, step as usize)?;
                    }
                    shape.push(len);
                    indexed.push(None);
                    axis += 1;
                }
                Entry::Index(node) => {
                    shape.push(dims[axis]);
                    indexed.push(Some(*node));
                    axis += 1;
                }
                Entry::Mask(_) => unreachable!("masks are resolved before"),
            }
        }
        if self.dims(&view)? != shape {
            let layout = view.layout;
            view = self.view(&view, View::Reshape(shape), layout)?;
        }
        Ok((view, indexed))
    }

    /// A slice as a view; the layout stays known only when whole leading rows are kept.
    pub fn slice_view(
        &mut self,
        tensor: &Rc<Tensor>,
        axis: Axis,
        start: usize,
        len: usize,
        step: usize,
    ) -> Eval<Rc<Tensor>> {
        let dims = self.dims(tensor)?;
        let layout = match tensor.layout == Layout::Contiguous && step == 1 && dims[..axis].iter().all(|&d| d == 1) {
            true => Layout::Contiguous,
            false => Layout::Unknown,
        };
        self.view(tensor, View::Slice { axis, start, len, step }, layout)
    }

    /// `tensor[index]`.
    pub fn tensor_get(&mut self, tensor: &Rc<Tensor>, index: &Value) -> Eval<Value> {
        let rank = self.dims(tensor)?.len();
        let mut entries = self.entries(index, rank)?;
        for i in (0..entries.len()).rev() {
            if let Entry::Mask(mask) = entries[i] {
                let found = self.mask_positions(mask)?;
                entries.splice(i..=i, found.into_iter().map(Entry::Index));
            }
        }
        let advanced = entries.iter().any(|e| matches!(e, Entry::Index(_)));
        if !advanced {
            return Ok(Value::Tensor(self.basic(tensor, &entries)?.0));
        }
        // An integer beside index tensors counts as one of them: it decides where the result's axes stand.
        for entry in &mut entries {
            if let Entry::Int(i) = entry {
                let made = self.graph.full(&[], *i as f64, DType::I64);
                *entry = Entry::Index(self.made(made)?);
            }
        }
        let (view, indexed) = self.basic(tensor, &entries)?;
        let x = self.read(&view)?;
        let result = self.gather_axes(x, &indexed)?;
        Ok(Value::Tensor(Tensor::fresh(result, Layout::Contiguous)))
    }

    /// Positions of the true elements of a constant mask, per axis.
    pub(super) fn mask_positions(&mut self, mask: NodeId) -> Eval<Vec<NodeId>> {
        let shape = self.graph.shape(mask).to_vec();
        let Some(values) = self.constant(mask) else {
            return Err(self
                .fault(FindingKind::Unsupported, "a subscript by a mask that depends on data has no fixed shape")
                .hint("use torch.where or masked_fill")
                .into());
        };
        let hits: Vec<usize> = (0..values.len()).filter(|&i| values[i] != 0.0).collect();
        let mut nodes = Vec::new();
        for axis in 0..shape.len() {
            let stride: usize = shape[axis + 1..].iter().product();
            let data = hits.iter().map(|&i| (i / stride % shape[axis]) as f64).collect();
            let made = self.graph.literal(&[hits.len()], data, DType::I64);
            nodes.push(self.made(made)?);
        }
        Ok(nodes)
    }

    /// NumPy's advanced indexing.
    pub(super) fn gather_axes(&mut self, x: NodeId, indexed: &[Option<NodeId>]) -> Eval<NodeId> {
        let shape = self.graph.shape(x).to_vec();
        let axes: Vec<Axis> = (0..indexed.len()).filter(|&a| indexed[a].is_some()).collect();
        let adjacent = axes.windows(2).all(|w| w[1] == w[0] + 1);
        // Bring the indexed axes together: in place when adjacent, else to the front.
        let first = if adjacent { axes[0] } else { 0 };
        let mut perm: Vec<Axis> = (0..shape.len()).filter(|a| !axes.contains(a)).collect();
        perm.splice(first..first, axes.iter().copied());
        let x = {
            let made = self.graph.permute(x, &perm);
            self.made(made)?
        };
        // One flat index over the merged axes.
        let mut flat: Option<NodeId> = None;
        for &axis in &axes {
            let index = indexed[axis].expect("filtered above");
            let index = self.wrap_negative(index, shape[axis])?;
            flat = Some(match flat {
                None => index,
                Some(flat) => {
                    let made = self.graph.full(&[], shape[axis] as f64, DType::I64);
                    let size = self.made(made)?;
                    let made = self.graph.mul(flat, size);
                    let scaled = self.made(made)?;
                    let made = self.graph.add(scaled, index);
                    self.made(made)?
                }
            });
        }
        let flat = flat.expect("at least one index");
        let picked = self.graph.shape(flat).to_vec();
        let n: usize = picked.iter().product();
        let made = self.graph.reshape(flat, &[n]);
        let flat = self.made(made)?;
        let permuted = self.graph.shape(x).to_vec();
        let (before, after) = (&permuted[..first], &permuted[first + axes.len()..]);
        let merged: usize = permuted[first..first + axes.len()].iter().product();
        let made = self.graph.reshape(x, &[before, &[merged], after].concat());
        let x = self.made(made)?;
        let made = self.graph.apply(Op::IndexSelect(first), &[x, flat]);
        let x = self.made(made)?;
        let made = self.graph.reshape(x, &[before, &picked[..], after].concat());
        self.made(made)
    }

    pub(super) fn wrap_negative(&mut self, index: NodeId, size: usize) -> Eval<NodeId> {
        let shape = self.graph.shape(index).to_vec();
        if let Some(values) = self.constant(index) {
            if let Some(bad) = values.iter().find(|&&v| v >= size as f64 || v < -(size as f64)) {
                return self.raise("IndexError", format!("index {bad} is out of bounds for dimension of size {size}"));
            }
            if values.iter().all(|&v| v >= 0.0) {
                return Ok(index);
            }
            let wrapped = values.iter().map(|&v| if v < 0.0 { v + size as f64 } else { v }).collect();
            let made = self.graph.literal(&shape, wrapped, DType::I64);
            return self.made(made);
        }
        let made = self.graph.full(&[], 0.0, DType::I64);
        let zero = self.made(made)?;
        let made = self.graph.full(&[], size as f64, DType::I64);
        let size = self.made(made)?;
        let made = self.graph.compare(Compare::Lt, index, zero);
        let negative = self.made(made)?;
        let made = self.graph.add(index, size);
        let wrapped = self.made(made)?;
        let made = self.graph.select(negative, wrapped, index);
        self.made(made)
    }
}
