//! The graph itself and the one way to grow it.

use std::collections::HashMap;
use std::sync::Arc;

use super::op::{Axis, Binary, Compare, DType, Op, Real, Reduction, Span, Unary};
use super::shape::{Error, broadcast, elements, infer};

/// Index of a node; operands always have smaller indices than their users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    /// Position in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One value of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What computes it.
    pub op: Op,
    /// From what.
    pub inputs: Vec<NodeId>,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its element type.
    pub dtype: DType,
    /// Where in the text it was first made.
    pub span: Span,
}

impl Node {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Whether training changes a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParamKind {
    /// `nn.Parameter`: trained.
    Trained,
    /// `register_buffer` (or a frozen parameter): kept, not trained.
    Buffer,
}

/// A named tensor that the program owns.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// PyTorch's `state_dict` name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Trained or kept.
    pub kind: ParamKind,
    /// Node (of this graph) that computes the initial value, from constants and [`Op::Random`] only.
    pub init: NodeId,
    /// Where in the text it was made.
    pub span: Span,
}

/// A declared input.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    /// Name, for messages.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: DType,
}

/// A typed tensor program: nodes in topological order, equal nodes made once.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    interned: HashMap<(Op, Vec<NodeId>, Vec<usize>, DType), NodeId>,
    /// Named tensors, in order of creation.
    pub params: Vec<Param>,
    /// Declared inputs.
    pub inputs: Vec<InputSpec>,
    /// Results.
    pub outputs: Vec<NodeId>,
    /// Line given to nodes made from here on.
    pub span: Span,
}

impl Graph {
    /// All nodes; an operand precedes its users.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Shape of a node.
    pub fn shape(&self, id: NodeId) -> &[usize] {
        &self.node(id).shape
    }

    /// Dtype of a node.
    pub fn dtype(&self, id: NodeId) -> DType {
        self.node(id).dtype
    }

    /// Add a node, or find the equal one. `target` as in [`infer`].
    pub fn push(&mut self, op: Op, inputs: &[NodeId], target: (&[usize], DType)) -> Result<NodeId, Error> {
        let operands: Vec<_> = inputs.iter().map(|&i| (self.shape(i), self.dtype(i))).collect();
        let (shape, dtype) = infer(&op, &operands, target)?;
        let key = (op, inputs.to_vec(), shape, dtype);
        if let Some(&id) = self.interned.get(&key) {
            return Ok(id);
        }
        let id = NodeId(u32::try_from(self.nodes.len()).expect("the tracer bounds the number of nodes"));
        let (op, inputs, shape, dtype) = key.clone();
        self.nodes.push(Node { op, inputs, shape, dtype, span: self.span });
        self.interned.insert(key, id);
        Ok(id)
    }

    fn plain(&mut self, op: Op, inputs: &[NodeId]) -> Result<NodeId, Error> {
        self.push(op, inputs, (&[], DType::F32))
    }

    /// Declare an input.
    pub fn input(&mut self, name: &str, shape: &[usize], dtype: DType) -> Result<NodeId, Error> {
        let index = u32::try_from(self.inputs.len()).expect("few inputs");
        self.inputs.push(InputSpec { name: name.to_owned(), shape: shape.to_vec(), dtype });
        self.push(Op::Input(index), &[], (shape, dtype))
    }

    /// Declare a parameter with the node that computes its initial value.
    pub fn param(&mut self, name: &str, kind: ParamKind, init: NodeId) -> Result<NodeId, Error> {
        let index = u32::try_from(self.params.len()).expect("few parameters");
        let (shape, dtype) = (self.shape(init).to_vec(), self.dtype(init));
        self.params.push(Param { name: name.to_owned(), shape: shape.clone(), kind, init, span: self.span });
        self.push(Op::Param(index), &[], (&shape, dtype))
    }

    /// A constant of one value.
    pub fn full(&mut self, shape: &[usize], value: f64, dtype: DType) -> Result<NodeId, Error> {
        self.push(Op::Full(Real(value)), &[], (shape, dtype))
    }

    /// A scalar F32 constant (rank 0).
    pub fn scalar(&mut self, value: f64) -> Result<NodeId, Error> {
        self.full(&[], value, DType::F32)
    }

    /// `start, start + step, ..`, `len` values.
    pub fn arange(&mut self, start: f64, step: f64, len: usize, dtype: DType) -> Result<NodeId, Error> {
        self.push(Op::Arange { start: Real(start), step: Real(step) }, &[], (&[len], dtype))
    }

    /// Literal data, row-major.
    pub fn literal(&mut self, shape: &[usize], data: Vec<f64>, dtype: DType) -> Result<NodeId, Error> {
        let data: Arc<[Real]> = data.into_iter().map(Real).collect();
        self.push(Op::Literal(data), &[], (shape, dtype))
    }

    /// Elementwise function.
    pub fn unary(&mut self, f: Unary, x: NodeId) -> Result<NodeId, Error> {
        self.plain(Op::Unary(f), &[x])
    }

    /// Elementwise function of two, broadcasting.
    pub fn binary(&mut self, f: Binary, a: NodeId, b: NodeId) -> Result<NodeId, Error> {
        // A running sum without its own term is the sum until the step before: so it is seen, not only so it is.
        if let (Binary::Sub, &Op::CumSum(axis)) = (f, &self.node(a).op)
            && self.node(a).inputs[0] == b
            && self.shape(a)[axis] > 0
        {
            let n = self.shape(a)[axis];
            let before = self.slice(a, axis, 0, n - 1, 1)?;
            return self.pad(before, axis, 1, 0, 0.0);
        }
        self.plain(Op::Binary(f), &[a, b])
    }

    /// `a + b`
    pub fn add(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, Error> {
        self.binary(Binary::Add, a, b)
    }

    /// `a - b`
    pub fn sub(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, Error> {
        self.binary(Binary::Sub, a, b)
    }

    /// `a * b`
    pub fn mul(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, Error> {
        self.binary(Binary::Mul, a, b)
    }

    /// `a / b`
    pub fn div(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, Error> {
        self.binary(Binary::Div, a, b)
    }

    /// `x * value`
    pub fn scale(&mut self, x: NodeId, value: f64) -> Result<NodeId, Error> {
        let value = self.scalar(value)?;
        self.mul(x, value)
    }

    /// Comparison, broadcasting.
    pub fn compare(&mut self, c: Compare, a: NodeId, b: NodeId) -> Result<NodeId, Error> {
        self.plain(Op::Compare(c), &[a, b])
    }

    /// `where(cond, a, b)`
    pub fn select(&mut self, cond: NodeId, a: NodeId, b: NodeId) -> Result<NodeId, Error> {
        self.plain(Op::Where, &[cond, a, b])
    }

    /// Convert the dtype; a no-op where it is already so.
    pub fn cast(&mut self, x: NodeId, dtype: DType) -> Result<NodeId, Error> {
        match self.dtype(x) == dtype {
            true => Ok(x),
            false => self.push(Op::Cast, &[x], (&[], dtype)),
        }
    }

    /// Batched matrix product.
    pub fn matmul(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, Error> {
        self.plain(Op::Matmul, &[a, b])
    }

    /// Reduce over axes, which stay with size 1.
    pub fn reduce(&mut self, kind: Reduction, x: NodeId, axes: &[Axis]) -> Result<NodeId, Error> {
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        axes.dedup();
        match axes.is_empty() {
            true => Ok(x),
            false => self.plain(Op::Reduce { kind, axes }, &[x]),
        }
    }

    /// Mean over axes, which stay with size 1.
    pub fn mean(&mut self, x: NodeId, axes: &[Axis]) -> Result<NodeId, Error> {
        let sum = self.reduce(Reduction::Sum, x, axes)?;
        let count = self.node(x).elements() as f64 / (self.node(sum).elements().max(1)) as f64;
        self.scale(sum, 1.0 / count)
    }

    /// Softmax along an axis.
    pub fn softmax(&mut self, x: NodeId, axis: Axis) -> Result<NodeId, Error> {
        self.plain(Op::Softmax(axis), &[x])
    }

    /// Same elements in another shape; a no-op where it is already so.
    pub fn reshape(&mut self, x: NodeId, shape: &[usize]) -> Result<NodeId, Error> {
        match self.shape(x) == shape {
            true => Ok(x),
            false => self.push(Op::Reshape, &[x], (shape, DType::F32)),
        }
    }

    /// Reorder axes; a no-op for the identity.
    pub fn permute(&mut self, x: NodeId, perm: &[Axis]) -> Result<NodeId, Error> {
        match perm.len() == self.shape(x).len() && perm.iter().enumerate().all(|(i, &p)| i == p) {
            true => Ok(x),
            false => self.plain(Op::Permute(perm.to_vec()), &[x]),
        }
    }

    /// Exchange two axes.
    pub fn transpose(&mut self, x: NodeId, a: Axis, b: Axis) -> Result<NodeId, Error> {
        let mut perm: Vec<_> = (0..self.shape(x).len()).collect();
        for axis in [a, b] {
            if axis >= perm.len() {
                return Err(Error::Axis { axis, shape: self.shape(x).to_vec() });
            }
        }
        perm.swap(a, b);
        self.permute(x, &perm)
    }

    /// Broadcast to a shape (of any rank at least that of `x`).
    pub fn expand(&mut self, x: NodeId, shape: &[usize]) -> Result<NodeId, Error> {
        if broadcast(self.shape(x), shape)? != shape {
            return Err(Error::Broadcast(self.shape(x).to_vec(), shape.to_vec()));
        }
        let mut padded = vec![1; shape.len() - self.shape(x).len()];
        padded.extend(self.shape(x));
        let x = self.reshape(x, &padded)?;
        match padded == shape {
            true => Ok(x),
            false => self.push(Op::Expand, &[x], (shape, DType::F32)),
        }
    }

    /// Elements `start, start+step, ..` (`len` of them) of an axis.
    pub fn slice(&mut self, x: NodeId, axis: Axis, start: usize, len: usize, step: usize) -> Result<NodeId, Error> {
        let mut shape = self.shape(x).to_vec();
        let Some(size) = shape.get_mut(axis) else {
            return Err(Error::Axis { axis, shape });
        };
        if start == 0 && len == *size && step == 1 {
            return Ok(x);
        }
        *size = len;
        if step == 1
            && let Some(value) = self.written(x, axis, start, len)
        {
            return Ok(value);
        }
        self.push(Op::Slice { axis, start, step }, &[x], (&shape, DType::F32))
    }

    /// Concatenate.
    pub fn cat(&mut self, xs: &[NodeId], axis: Axis) -> Result<NodeId, Error> {
        match xs {
            [x] => Ok(*x),
            _ => self.plain(Op::Cat(axis), xs),
        }
    }

    /// Constant padding of one axis.
    pub fn pad(&mut self, x: NodeId, axis: Axis, before: usize, after: usize, value: f64) -> Result<NodeId, Error> {
        match before + after {
            0 => Ok(x),
            _ => self.plain(Op::Pad { axis, before, after, value: Real(value) }, &[x]),
        }
    }

    /// Any operation whose shape and dtype follow from its operands.
    pub fn apply(&mut self, op: Op, inputs: &[NodeId]) -> Result<NodeId, Error> {
        self.plain(op, inputs)
    }

    /// For each node, whether one of `roots` depends on it.
    pub fn reachable(&self, roots: &[NodeId]) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        for root in roots {
            live[root.index()] = true;
        }
        for i in (0..self.nodes.len()).rev() {
            if live[i] {
                for input in &self.nodes[i].inputs {
                    live[input.index()] = true;
                }
            }
        }
        live
    }

    /// Number of elements of all trained parameters.
    pub fn parameter_count(&self) -> usize {
        let trained = self.params.iter().filter(|p| p.kind == ParamKind::Trained);
        trained.map(|p| elements(&p.shape).expect("checked when it was made")).sum()
    }
}
