//! Tensors as the text sees them: mutable storage, and views that alias it.
//!
//! The graph is functional. A storage holds the node of its present contents; a view is a chain of steps from the
//! storage's shape to its own. Writing through a view writes the inverse chain into the storage, so every alias sees
//! it, as in PyTorch. Where PyTorch's answer to "view or copy?" depends on strides that are not tracked here, the
//! result is a copy that refuses to be read or written once the difference would show.

use std::cell::Cell;
use std::rc::Rc;

use super::interp::{Eval, Interp};
use super::value::Phase;
use crate::finding::FindingKind;
use crate::ir::{Axis, DType, NodeId};

/// Whether a tensor's memory is laid out row-major, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Contiguous,
    Strided,
    Unknown,
}

/// What a storage is to its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Plain,
    /// `nn.Parameter`, with `requires_grad`.
    Parameter(bool),
    /// `nn.Buffer`.
    Buffer {
        persistent: bool,
    },
}

/// Memory that one or more tensors share.
pub struct Storage {
    pub node: Cell<NodeId>,
    pub version: Cell<u32>,
    pub role: Cell<Role>,
    /// Real and imaginary part of a complex parameter, in the last axis.
    pub complex: Cell<bool>,
    /// Set when it was written through what may or may not be an alias.
    poisoned: Cell<u32>,
    /// The storage of which this may be an alias, and its stamp then.
    maybe: Option<(Rc<Storage>, Cell<u32>)>,
}

/// One step of a view.
#[derive(Clone, Debug)]
pub enum View {
    Reshape(Vec<usize>),
    Permute(Vec<Axis>),
    Slice { axis: Axis, start: usize, len: usize, step: usize },
    Expand(Vec<usize>),
}

/// A tensor: a view of a storage.
pub struct Tensor {
    pub storage: Rc<Storage>,
    views: Rc<[View]>,
    pub layout: Layout,
    cache: Cell<(u32, NodeId)>,
}

impl Tensor {
    /// A tensor with memory of its own.
    pub fn fresh(node: NodeId, layout: Layout) -> Rc<Self> {
        Self::on(Storage::plain(node, None), node, layout)
    }

    fn on(storage: Storage, node: NodeId, layout: Layout) -> Rc<Self> {
        let cache = Cell::new((0, node));
        Rc::new(Self { storage: Rc::new(storage), views: [].into(), layout, cache })
    }

    /// What may be a view of `base` or a copy of it.
    pub fn perhaps_view(base: &Rc<Tensor>, node: NodeId) -> Rc<Self> {
        Self::on(Storage::plain(node, Some(base.storage.clone())), node, Layout::Contiguous)
    }

    /// Another tensor object on the same memory.
    pub fn alias(&self) -> Rc<Self> {
        let (storage, views, cache) = (self.storage.clone(), self.views.clone(), self.cache.clone());
        Rc::new(Self { storage, views, layout: self.layout, cache })
    }

    pub fn is_view(&self) -> bool {
        !self.views.is_empty()
    }

    pub fn is_parameter(&self) -> bool {
        self.views.is_empty() && matches!(self.storage.role.get(), Role::Parameter(_))
    }
}

impl Storage {
    fn plain(node: NodeId, maybe: Option<Rc<Storage>>) -> Self {
        let stamp = maybe.as_ref().map_or(0, |base| base.stamp());
        let (version, role) = (Cell::new(0), Cell::new(Role::Plain));
        Self {
            node: Cell::new(node),
            version,
            role,
            complex: Cell::new(false),
            poisoned: Cell::new(0),
            maybe: maybe.map(|base| (base, Cell::new(stamp))),
        }
    }

    /// Counts every change that an alias of this memory would have to show.
    fn stamp(&self) -> u32 {
        self.version.get() + self.poisoned.get() + self.maybe.as_ref().map_or(0, |(base, _)| base.stamp())
    }

    fn doubtful(&self) -> bool {
        self.poisoned.get() > 0 || self.maybe.as_ref().is_some_and(|(base, at)| base.stamp() != at.get())
    }

    /// It was written: what it may be an alias of is no longer certain, while its own contents are.
    fn poison_bases(&self) {
        if let Some((base, at)) = &self.maybe {
            base.poisoned.set(base.poisoned.get() + 1);
            base.poison_bases();
            at.set(base.stamp());
        }
    }
}

impl Interp<'_> {
    /// The node that holds the present contents of a tensor.
    pub fn read(&mut self, tensor: &Tensor) -> Eval<NodeId> {
        if tensor.storage.doubtful() {
            return Err(self
                .fault(
                    FindingKind::Unsupported,
                    "whether this tensor shares memory with one that was changed in place depends on strides",
                )
                .hint("take a .clone() before the in-place change, or use .view() where a view is meant")
                .into());
        }
        let version = tensor.storage.version.get();
        let (at, node) = tensor.cache.get();
        if at == version {
            return Ok(node);
        }
        let mut node = tensor.storage.node.get();
        for view in tensor.views.iter() {
            node = self.with_grad(|s| s.apply_view(node, view))?;
        }
        tensor.cache.set((version, node));
        Ok(node)
    }

    fn apply_view(&mut self, x: NodeId, view: &View) -> Eval<NodeId> {
        let made = match view {
            View::Reshape(shape) => self.graph.reshape(x, shape),
            View::Permute(perm) => self.graph.permute(x, perm),
            View::Slice { axis, start, len, step } => self.graph.slice(x, *axis, *start, *len, *step),
            View::Expand(shape) => self.graph.expand(x, shape),
        };
        self.made(made)
    }

    /// A view of a tensor; `layout` is that of the result.
    pub fn view(&mut self, tensor: &Rc<Tensor>, view: View, layout: Layout) -> Eval<Rc<Tensor>> {
        let x = self.read(tensor)?;
        let node = self.apply_view(x, &view)?;
        let mut views = tensor.views.to_vec();
        views.push(view);
        let cache = Cell::new((tensor.storage.version.get(), node));
        let storage = tensor.storage.clone();
        Ok(Rc::new(Tensor { storage, views: views.into(), layout, cache }))
    }

    /// Replace the contents of a tensor, through its views.
    pub fn write(&mut self, tensor: &Rc<Tensor>, value: NodeId) -> Eval<()> {
        let storage = tensor.storage.clone();
        if storage.doubtful() {
            self.read(tensor)?;
        }
        let base = storage.node.get();
        let cut = self.no_grad > 0 && self.own_gradient == 0;
        if cut && self.phase == Phase::Forward && self.differentiable[base.index()] {
            return Err(self
                .fault(
                    FindingKind::Unsupported,
                    "an in-place change under torch.no_grad() of a tensor that has a gradient",
                )
                .hint("take a .detach().clone() of it first")
                .into());
        }
        let value = self.with_grad(|s| s.unapply(base, &tensor.views.clone(), value))?;
        if self.graph.dtype(value) != self.graph.dtype(base) {
            return Err(self.fault(FindingKind::Type, "an in-place operation cannot change the dtype").into());
        }
        storage.poison_bases();
        storage.node.set(value);
        storage.version.set(storage.version.get() + 1);
        if tensor.views.is_empty() {
            tensor.cache.set((storage.version.get(), value));
        }
        Ok(())
    }

    fn unapply(&mut self, base: NodeId, views: &[View], value: NodeId) -> Eval<NodeId> {
        let Some((first, rest)) = views.split_first() else {
            return Ok(value);
        };
        let inner = self.apply_view(base, first)?;
        let value = self.unapply(inner, rest, value)?;
        let made = match first {
            View::Reshape(_) => {
                let shape = self.graph.shape(base).to_vec();
                self.graph.reshape(value, &shape)
            }
            View::Permute(perm) => {
                let mut inverse = vec![0; perm.len()];
                perm.iter().enumerate().for_each(|(i, &p)| inverse[p] = i);
                self.graph.permute(value, &inverse)
            }
            View::Slice { axis, start, step, .. } => self.graph.slice_scatter(base, value, *axis, *start, *step),
            View::Expand(shape) if self.graph.shape(base) == &shape[..] => Ok(value),
            View::Expand(shape)
                if self.graph.shape(base).iter().product::<usize>() == shape.iter().product::<usize>() =>
            {
                let shape = self.graph.shape(base).to_vec();
                self.graph.reshape(value, &shape)
            }
            View::Expand(_) => {
                return Err(self
                    .fault(
                        FindingKind::Unsupported,
                        "in-place change of an expanded tensor: several elements share one place in memory",
                    )
                    .hint("call .clone() first")
                    .into());
            }
        };
        self.made(made)
    }

    /// Layout of a result that keeps the memory order of its operands.
    pub fn layout_of(&self, tensors: &[&Rc<Tensor>]) -> Layout {
        match tensors.iter().all(|t| t.layout == Layout::Contiguous) {
            true => Layout::Contiguous,
            false => Layout::Unknown,
        }
    }

    /// Shape of a tensor.
    pub fn dims(&mut self, tensor: &Tensor) -> Eval<Vec<usize>> {
        let node = self.read(tensor)?;
        Ok(self.graph.shape(node).to_vec())
    }

    /// Dtype of a tensor.
    pub fn dtype(&mut self, tensor: &Tensor) -> Eval<DType> {
        let node = self.read(tensor)?;
        Ok(self.graph.dtype(node))
    }
}
