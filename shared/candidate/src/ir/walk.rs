//! Where the elements of views lie: indices that follow from strides.

use super::op::Op;

/// `base + sum(index * step)` for every index of a shape, row-major, without a place in memory for each: the sums over
/// the leading axes and over the trailing axes are kept, and added up on the way.
#[derive(Clone, Debug)]
pub struct Walk {
    outer: Vec<usize>,
    inner: Vec<usize>,
    row: usize,
    column: usize,
}

impl Walk {
    /// Every index of `shape` by `step`.
    pub fn new(shape: &[usize], step: &[usize], base: usize) -> Self {
        let n: usize = shape.iter().product();
        let (mut cut, mut inner) = (shape.len(), 1);
        while cut > 0 && inner * inner < n {
            cut -= 1;
            inner *= shape[cut];
        }
        let (outer, inner) = (sums(&shape[..cut], &step[..cut], base), sums(&shape[cut..], &step[cut..], 0));
        let row = if inner.is_empty() { outer.len() } else { 0 };
        Self { outer, inner, row, column: 0 }
    }

    /// For each element of `shape` the element of `from` that is broadcast to it.
    pub fn broadcast(from: &[usize], shape: &[usize]) -> Self {
        let pad = shape.len() - from.len();
        let own = strides(from);
        let step = |i: usize| if i < pad || from[i - pad] == 1 { 0 } else { own[i - pad] };
        Self::new(shape, &(0..shape.len()).map(step).collect::<Vec<_>>(), 0)
    }

    /// Where the elements of a permutation, an expansion or a slice come from; `None` for other operations.
    pub fn of_view(op: &Op, from: &[usize], shape: &[usize]) -> Option<Self> {
        let own = strides(from);
        match op {
            Op::Permute(perm) => Some(Self::new(shape, &perm.iter().map(|&p| own[p]).collect::<Vec<_>>(), 0)),
            Op::Expand => Some(Self::broadcast(from, shape)),
            Op::Slice { axis, start, step } => {
                Some(Self::new(shape, &stepped(own.clone(), *axis, *step), start * own[*axis]))
            }
            _ => None,
        }
    }
}

impl Iterator for Walk {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let at = self.outer.get(self.row)? + self.inner[self.column];
        self.column += 1;
        if self.column == self.inner.len() {
            (self.row, self.column) = (self.row + 1, 0);
        }
        Some(at)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.outer.len() - self.row) * self.inner.len() - self.column;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Walk {}

/// Row-major strides.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (0..shape.len().saturating_sub(1)).rev() {
        strides[i] = strides[i + 1] * shape[i + 1];
    }
    strides
}

/// Strides of which one is taken in steps. A step beyond all integers is that of a single element, which takes none.
pub fn stepped(mut strides: Vec<usize>, axis: usize, step: usize) -> Vec<usize> {
    strides[axis] = strides[axis].saturating_mul(step);
    strides
}

fn sums(shape: &[usize], step: &[usize], base: usize) -> Vec<usize> {
    let n: usize = shape.iter().product();
    let mut out = Vec::with_capacity(n);
    if n == 0 {
        return out;
    }
    out.push(base);
    // Grow axis by axis from the right: each pass repeats what is there, shifted.
    for (&size, &step) in shape.iter().zip(step).rev() {
        let block = out.len();
        for i in 1..size {
            for j in 0..block {
                out.push(out[j] + i * step);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_visits_every_index_in_order() {
        for shape in [&[][..], &[1], &[7], &[2, 3], &[4, 1, 5], &[3, 2, 2, 5], &[1, 1, 40], &[3, 0, 2], &[0]] {
            let n: usize = shape.iter().product();
            let steps: Vec<usize> = (0..shape.len()).map(|i| 10usize.pow(i as u32)).collect();
            let expected = (0..n).map(|i| {
                let digits = strides(shape).into_iter().zip(shape).map(move |(s, size)| i / s % size);
                7 + digits.zip(&steps).map(|(digit, step)| digit * step).sum::<usize>()
            });
            let walk = Walk::new(shape, &steps, 7);
            assert_eq!(walk.len(), n);
            assert_eq!(walk.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{shape:?}");
        }
    }
}
