//! Writing into slices.

use super::graph::{Graph, NodeId};
use super::op::{Axis, Op};
use super::shape::Error;

impl Graph {
    /// `base` with `value` written at `start, start+step, ..` of an axis.
    pub fn slice_scatter(
        &mut self,
        base: NodeId,
        value: NodeId,
        axis: Axis,
        start: usize,
        step: usize,
    ) -> Result<NodeId, Error> {
        if start == 0 && step == 1 && self.shape(base) == self.shape(value) {
            return Ok(value);
        }
        // What the same window held before is gone.
        let base = match self.node(base).op {
            Op::SliceScatter { axis: a, start: s, step: by } if (a, s, by) == (axis, start, step) => {
                let [below, before] = [0, 1].map(|k| self.node(base).inputs[k]);
                if self.shape(before) == self.shape(value) { below } else { base }
            }
            Op::Cat(a) if a == axis && step == 1 => {
                if let Some(k) = self.piece(base, start, self.shape(value)[axis]) {
                    let mut pieces = self.node(base).inputs.clone();
                    pieces[k] = value;
                    return self.cat(&pieces, axis);
                }
                base
            }
            _ => base,
        };
        let whole = self.apply(Op::SliceScatter { axis, start, step }, &[base, value])?;
        match self.tiling(whole) {
            Some(values) => self.cat(&values, axis),
            None => Ok(whole),
        }
    }

    /// What was last written at exactly this window, so that a loop which adds to a piece it has just written does not
    /// hold on to the whole. Writes beside the window are passed over.
    pub(super) fn written(&self, mut x: NodeId, axis: Axis, start: usize, len: usize) -> Option<NodeId> {
        while let Op::SliceScatter { axis: a, start: s, step: 1 } = self.node(x).op
            && a == axis
        {
            let [base, value] = [0, 1].map(|k| self.node(x).inputs[k]);
            let n = self.shape(value)[axis];
            if (s, n) == (start, len) {
                return Some(value);
            }
            if s < start + len && start < s + n {
                return None;
            }
            x = base;
        }
        match self.node(x).op {
            Op::Cat(a) if a == axis => self.piece(x, start, len).map(|k| self.node(x).inputs[k]),
            _ => None,
        }
    }

    /// The operand of a concatenation that lies at exactly this window.
    fn piece(&self, cat: NodeId, start: usize, len: usize) -> Option<usize> {
        let Op::Cat(axis) = self.node(cat).op else { return None };
        let mut at = 0;
        for (k, &piece) in self.node(cat).inputs.iter().enumerate() {
            let n = self.shape(piece)[axis];
            if at >= start {
                return (at == start && n == len).then_some(k);
            }
            at += n;
        }
        None
    }

    /// What a chain of writes lays side by side, where together they fill the axis and no two meet: nothing of the
    /// tensor below them is left, and a loop that fills a result chunk by chunk costs as much as one concatenation.
    fn tiling(&self, last: NodeId) -> Option<Vec<NodeId>> {
        let Op::SliceScatter { axis, step: 1, .. } = self.node(last).op else { return None };
        let size = self.shape(last)[axis];
        let window = |id: NodeId| match self.node(id).op {
            Op::SliceScatter { axis: a, start, step: 1 } if a == axis => {
                let value = self.node(id).inputs[1];
                Some((start, self.shape(value)[axis], value))
            }
            _ => None,
        };
        // Loops end at an end; elsewhere the chain is not worth walking.
        let (start, len, _) = window(last)?;
        if start != 0 && start + len != size {
            return None;
        }
        let mut windows = Vec::new();
        let (mut at, mut filled) = (last, 0);
        while filled < size {
            let found = window(at)?;
            filled += found.1;
            windows.push(found);
            at = self.node(at).inputs[0];
        }
        windows.sort_unstable_by_key(|w| w.0);
        let mut end = 0;
        for (start, len, _) in &windows {
            if *start != end {
                return None;
            }
            end += len;
        }
        Some(windows.into_iter().map(|w| w.2).collect())
    }
}
