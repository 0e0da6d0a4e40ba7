//! Subscripts of tensors: views for integers, slices, `None` and `...`; gathers for index tensors.

use std::rc::Rc;

use super::interp::{Eval, Interp};
use super::number::number;
use super::tensor::{Layout, Tensor, View};
use super::value::Value;
use crate::finding::FindingKind;
use crate::ir::{Axis, Compare, DType, NodeId, Op};

/// One entry of a subscript.
enum Entry {
    Int(i64),
    Slice(Rc<[Value; 3]>),
    New,
    Index(NodeId),
    Mask(NodeId),
}

impl Interp<'_> {
    fn entries(&mut self, index: &Value, rank: usize) -> Eval<Vec<Entry>> {
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
    fn basic(&mut self, tensor: &Rc<Tensor>, entries: &[Entry]) -> Eval<(Rc<Tensor>, Vec<Option<NodeId>>)> {
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
    fn mask_positions(&mut self, mask: NodeId) -> Eval<Vec<NodeId>> {
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
    fn gather_axes(&mut self, x: NodeId, indexed: &[Option<NodeId>]) -> Eval<NodeId> {
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

    fn wrap_negative(&mut self, index: NodeId, size: usize) -> Eval<NodeId> {
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
            self.writes.borrow_mut().push(("a buffer".to_owned(), span));
        }
        self.write(tensor, node)
    }
}
