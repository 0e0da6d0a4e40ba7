//! Single elements of constants, without computing the whole of them.

use std::collections::HashMap;

use crate::ir::eval::{self, strides};
use crate::ir::{Constants, Graph, NodeId, Op};

/// Where elements mix, a constant of more elements is not computed.
const MOST: usize = 1 << 16;
/// Deeper graphs are not followed.
const DEEPEST: usize = 128;

/// Elements found so far; belongs to one graph.
pub(super) struct Points<'a> {
    graph: &'a Graph,
    constants: Constants,
    known: HashMap<(NodeId, usize), Option<f64>>,
}

impl<'a> Points<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        Self { graph, constants: Constants::default(), known: HashMap::new() }
    }

    /// The element at a row-major place of a node that no input decides, where it can be told.
    pub(super) fn at(&mut self, id: NodeId, place: usize) -> Option<f64> {
        self.deep(id, place, 0)
    }

    fn deep(&mut self, id: NodeId, place: usize, depth: usize) -> Option<f64> {
        if depth > DEEPEST {
            return None;
        }
        if let Some(known) = self.known.get(&(id, place)) {
            return *known;
        }
        let value = self.fresh(id, place, depth + 1);
        self.known.insert((id, place), value);
        value
    }

    fn fresh(&mut self, id: NodeId, place: usize, depth: usize) -> Option<f64> {
        let graph = self.graph;
        let node = graph.node(id);
        let shape = &node.shape[..];
        let own = strides(shape);
        let index: Vec<usize> = (0..shape.len()).map(|axis| place / own[axis] % shape[axis].max(1)).collect();
        let operand = |k: usize| graph.shape(node.inputs[k]);
        // The place in an operand of the element at these indices, counted from the right, broadcast.
        let flat = |of: &[usize], index: &[usize]| {
            let by = strides(of);
            let pad = index.len() - of.len();
            (0..of.len()).map(|a| if of[a] == 1 { 0 } else { index[a + pad] * by[a] }).sum::<usize>()
        };
        let same = |s: &mut Self, k: usize| s.deep(node.inputs[k], flat(operand(k), &index), depth);
        match &node.op {
            Op::Full(v) => Some(v.0),
            Op::Arange { start, step } => Some(start.0 + place as f64 * step.0),
            Op::Literal(data) => data.get(place).map(|v| v.0),
            Op::Param(p) => self.deep(graph.params[*p as usize].init, place, depth),
            Op::Unary(f) => same(self, 0).map(|x| eval::unary(*f, x)),
            Op::Cast => same(self, 0).map(|x| eval::cast(x, node.dtype)),
            Op::Binary(f) => Some(eval::binary(*f, same(self, 0)?, same(self, 1)?, node.dtype)),
            Op::Compare(c) => Some(f64::from(u8::from(eval::compare(*c, same(self, 0)?, same(self, 1)?)))),
            Op::Where => match same(self, 0)? != 0.0 {
                true => same(self, 1),
                false => same(self, 2),
            },
            Op::Expand => same(self, 0),
            Op::Reshape => self.deep(node.inputs[0], place, depth),
            Op::Permute(perm) => {
                let mut from = vec![0; index.len()];
                perm.iter().zip(&index).for_each(|(&p, &i)| from[p] = i);
                self.deep(node.inputs[0], flat(operand(0), &from), depth)
            }
            Op::Slice { axis, start, step } => {
                let mut from = index.clone();
                from[*axis] = start + step * from[*axis];
                self.deep(node.inputs[0], flat_whole(operand(0), &from), depth)
            }
            Op::Flip(axis) => {
                let mut from = index.clone();
                from[*axis] = shape[*axis] - 1 - from[*axis];
                self.deep(node.inputs[0], flat_whole(operand(0), &from), depth)
            }
            Op::Pad { axis, before, value, .. } => {
                let mut from = index.clone();
                match from[*axis].checked_sub(*before).filter(|&i| i < operand(0)[*axis]) {
                    None => Some(value.0),
                    Some(i) => {
                        from[*axis] = i;
                        self.deep(node.inputs[0], flat_whole(operand(0), &from), depth)
                    }
                }
            }
            Op::Cat(axis) => {
                let mut from = index.clone();
                let mut k = 0;
                while from[*axis] >= operand(k)[*axis] {
                    from[*axis] -= operand(k)[*axis];
                    k += 1;
                }
                self.deep(node.inputs[k], flat_whole(operand(k), &from), depth)
            }
            _ if node.elements() <= MOST => self.constants.get(graph, id)?.get(place).copied(),
            _ => None,
        }
    }
}

/// The row-major place of an index.
fn flat_whole(shape: &[usize], index: &[usize]) -> usize {
    strides(shape).iter().zip(index).map(|(by, i)| by * i).sum()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::language::{Dims, Options, trace};

    #[test]
    fn single_elements_are_those_of_the_whole() {
        let text = "import torch\nimport torch.nn as nn\n\nclass Layer(nn.Module):\n    def __init__(self, d_model):\n        \
                    super().__init__()\n        self.register_buffer('m', torch.ones(6, 6).tril(1))\n\n    \
                    def forward(self, x):\n        i = torch.arange(6)\n        \
                    a = torch.cat([self.m[1:, :], self.m[:1].flip(1)], 0).t() * (i[:, None] - i % 4 > 0)\n        \
                    b = torch.nn.functional.pad(a[::2, 1:4], (2, 1, 1, 2), value=3.0).view(2, 3, 6).permute(2, 0, 1)\n        \
                    c = torch.where(b > 1, b.cumsum(0), -b).reshape(6, 6)\n        return x + c.sum()\n";
        let dims = Dims { batch: 1, time: 4, d_model: 8, num_heads: 1, args: Default::default() };
        let graph = trace(text, &dims, &Options::default()).unwrap().graph;
        let (mut points, mut whole) = (Points::new(&graph), Constants::default());
        let mut compared = 0;
        for i in 0..graph.nodes().len() {
            let id = NodeId(i as u32);
            let Some(values) = whole.get(&graph, id) else { continue };
            let single: Vec<_> = (0..values.len()).map(|k| points.at(id, k)).collect();
            assert_eq!(single, values.iter().map(|v| Some(*v)).collect::<Vec<_>>(), "{:?}", graph.node(id));
            compared += values.len();
        }
        assert!(compared > 300, "{compared}");
    }
}
