//! Shapes seen through strides.

use move37_candidate::ir::Axis;

/// How a logical tensor lies in a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
    pub(crate) offset: usize,
}

/// (length, stride) of merged axes, outermost first; never empty.
pub(crate) type Dims = Vec<(usize, usize)>;

impl Layout {
    /// Row-major from the start of a buffer.
    pub(crate) fn row_major(shape: &[usize]) -> Self {
        let mut strides = vec![1; shape.len()];
        for i in (1..shape.len()).rev() {
            strides[i - 1] = strides[i] * shape[i].max(1);
        }
        Self { shape: shape.to_vec(), strides, offset: 0 }
    }

    /// Every element is the first of the buffer.
    pub(crate) fn splat(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), strides: vec![0; shape.len()], offset: 0 }
    }

    pub(crate) fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the elements lie row-major and without gaps (at any offset).
    pub(crate) fn is_row_major(&self) -> bool {
        if self.elements() == 0 {
            return true;
        }
        let mut expected = 1;
        for (&size, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if size != 1 {
                if stride != expected {
                    return false;
                }
                expected *= size;
            }
        }
        true
    }

    pub(crate) fn permute(&self, perm: &[Axis]) -> Self {
        let shape = perm.iter().map(|&p| self.shape[p]).collect();
        let strides = perm.iter().map(|&p| self.strides[p]).collect();
        Self { shape, strides, offset: self.offset }
    }

    /// Broadcast to a shape of at least this rank.
    pub(crate) fn expand(&self, shape: &[usize]) -> Self {
        let extra = shape.len() - self.shape.len();
        let strides = (0..shape.len())
            .map(|i| match i.checked_sub(extra) {
                Some(j) if self.shape[j] == shape[i] => self.strides[j],
                _ => 0,
            })
            .collect();
        Self { shape: shape.to_vec(), strides, offset: self.offset }
    }

    pub(crate) fn slice(&self, axis: Axis, start: usize, step: usize, len: usize) -> Self {
        let mut out = self.clone();
        out.shape[axis] = len;
        // Of one element there is no next, however far it would be.
        out.strides[axis] *= if len > 1 { step } else { 1 };
        if out.elements() > 0 {
            out.offset += start * self.strides[axis];
        }
        out
    }

    /// The same elements in another shape, where strides can say that.
    pub(crate) fn reshape(&self, shape: &[usize]) -> Option<Self> {
        if self.elements() == 0 {
            return Some(Self::row_major(shape));
        }
        let old = merged(&self.shape, &self.strides);
        let mut strides = vec![0; shape.len()];
        let mut groups = old.iter().rev();
        let (mut left, mut stride) = *groups.next().expect("never empty");
        for i in (0..shape.len()).rev() {
            if shape[i] == 1 {
                continue;
            }
            if left == 1 {
                (left, stride) = *groups.next()?;
            }
            if left % shape[i] != 0 {
                return None;
            }
            strides[i] = stride;
            stride *= shape[i];
            left /= shape[i];
        }
        Some(Self { shape: shape.to_vec(), strides, offset: self.offset })
    }

    /// Axes merged as far as strides allow, size-1 axes left out.
    pub(crate) fn dims(&self) -> Dims {
        merged(&self.shape, &self.strides)
    }
}

fn merged(shape: &[usize], strides: &[usize]) -> Dims {
    let mut dims: Dims = Vec::with_capacity(shape.len());
    for (&size, &stride) in shape.iter().zip(strides) {
        if size == 1 {
            continue;
        }
        match dims.last_mut() {
            Some((n, s)) if *s == stride * size => {
                *n *= size;
                *s = stride;
            }
            _ => dims.push((size, stride)),
        }
    }
    if dims.is_empty() {
        dims.push((1, 1));
    }
    dims
}

/// A shape around one axis: (elements before, size, elements after).
pub(crate) fn around(shape: &[usize], axis: Axis) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}

#[cfg(test)]
mod tests {
    use super::Layout;

    #[test]
    fn a_row_major_layout_reshapes_to_anything() {
        let l = Layout::row_major(&[2, 3, 4]);
        assert_eq!(l.reshape(&[6, 4]), Some(Layout::row_major(&[6, 4])));
        assert_eq!(l.reshape(&[4, 3, 2]), Some(Layout::row_major(&[4, 3, 2])));
    }

    #[test]
    fn a_permuted_layout_reshapes_only_within_its_axes() {
        let l = Layout::row_major(&[2, 3, 4]).permute(&[1, 0, 2]);
        assert_eq!(l.reshape(&[6, 4]), None);
        assert_eq!(l.reshape(&[3, 2, 2, 2]).map(|l| l.strides), Some(vec![4, 12, 2, 1]));
    }

    #[test]
    fn merged_axes_describe_broadcasts_and_windows() {
        assert_eq!(Layout::row_major(&[2, 3, 4]).dims(), vec![(24, 1)]);
        assert_eq!(Layout::row_major(&[3, 1]).expand(&[2, 3, 4]).dims(), vec![(2, 0), (3, 1), (4, 0)]);
        assert_eq!(Layout::row_major(&[2, 8]).slice(1, 2, 1, 4).dims(), vec![(2, 8), (4, 1)]);
        assert_eq!(Layout::row_major(&[1, 1]).dims(), vec![(1, 1)]);
    }

    #[test]
    fn row_major_at_an_offset_is_still_row_major() {
        let l = Layout::row_major(&[4, 3]).slice(0, 2, 1, 2);
        assert!(l.is_row_major() && l.offset == 6);
        assert!(!Layout::row_major(&[4, 3]).slice(1, 0, 1, 2).is_row_major());
    }
}
