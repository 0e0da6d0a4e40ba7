//! Shapes and dtypes of operations: the one place that says which operands an [`Op`] accepts.

use super::op::{Binary, DType, Op, Unary};

/// Why operands do not fit an operation. The sentence completes "line N: ...".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Two shapes do not broadcast.
    #[error("shapes {0:?} and {1:?} do not broadcast")]
    Broadcast(Vec<usize>, Vec<usize>),
    /// Matrix product of unequal inner sizes.
    #[error("matmul of {0:?} and {1:?}: inner sizes {2} and {3} differ")]
    Inner(Vec<usize>, Vec<usize>, usize, usize),
    /// An operand has too few dimensions.
    #[error("{op} needs at least {needed} dimensions, got {got:?}")]
    Rank {
        /// Operation.
        op: &'static str,
        /// Least rank.
        needed: usize,
        /// Shape given.
        got: Vec<usize>,
    },
    /// An axis is out of range.
    #[error("axis {axis} is out of range for shape {shape:?}")]
    Axis {
        /// Axis asked for.
        axis: usize,
        /// Shape given.
        shape: Vec<usize>,
    },
    /// A reshape changes the number of elements.
    #[error("cannot view {0:?} as {1:?}: the numbers of elements differ")]
    Elements(Vec<usize>, Vec<usize>),
    /// An index or slice leaves its axis.
    #[error("{op} reaches index {index} of axis {axis}, whose size is {size}")]
    Bounds {
        /// Operation.
        op: &'static str,
        /// Axis.
        axis: usize,
        /// Index reached.
        index: usize,
        /// Size of the axis.
        size: usize,
    },
    /// Operand shapes disagree.
    #[error("{op}: shapes {a:?} and {b:?} do not agree")]
    Mismatch {
        /// Operation.
        op: &'static str,
        /// One shape.
        a: Vec<usize>,
        /// The other.
        b: Vec<usize>,
    },
    /// A dtype does not fit.
    #[error("{op} is not defined for {got:?}")]
    DType {
        /// Operation.
        op: &'static str,
        /// Offending dtype.
        got: DType,
    },
    /// Wrong number of operands.
    #[error("{op} takes {needed} operands, got {got}")]
    Arity {
        /// Operation.
        op: &'static str,
        /// Operands needed.
        needed: usize,
        /// Operands given.
        got: usize,
    },
    /// A result would be too large to address.
    #[error("a tensor of shape {0:?} is too large")]
    TooLarge(Vec<usize>),
}

/// The most elements one tensor may have (2^40; the tracer has its own, lower limit).
const MAX_ELEMENTS: usize = 1 << 40;

/// Number of elements of a shape, refusing overflow.
pub fn elements(shape: &[usize]) -> Result<usize, Error> {
    shape
        .iter()
        .try_fold(1usize, |n, &d| n.checked_mul(d))
        .filter(|&n| n <= MAX_ELEMENTS)
        .ok_or_else(|| Error::TooLarge(shape.to_vec()))
}

/// NumPy broadcasting of two shapes.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Error> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |j| s[j]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => Err(Error::Broadcast(a.to_vec(), b.to_vec())),
        })
        .collect()
}

/// Shape and dtype of `op` on operands of these shapes and dtypes.
///
/// `target` is what the operation cannot know itself: the shape (and dtype) of leaves, of [`Op::Reshape`],
/// [`Op::Expand`] and [`Op::Slice`], and the dtype of [`Op::Cast`]; other operations ignore it.
pub fn infer(op: &Op, operands: &[(&[usize], DType)], target: (&[usize], DType)) -> Result<(Vec<usize>, DType), Error> {
    let name = name(op);
    let arity = |needed: usize| match operands.len() == needed {
        true => Ok(()),
        false => Err(Error::Arity { op: name, needed, got: operands.len() }),
    };
    let axis_in = |axis: usize, shape: &[usize]| match axis < shape.len() {
        true => Ok(()),
        false => Err(Error::Axis { axis, shape: shape.to_vec() }),
    };
    let only = |dtype: DType, allowed: &[DType]| match allowed.contains(&dtype) {
        true => Ok(()),
        false => Err(Error::DType { op: name, got: dtype }),
    };
    let mismatch = |a: &[usize], b: &[usize]| Error::Mismatch { op: name, a: a.to_vec(), b: b.to_vec() };
    use DType::{Bool, F32, I64};

    let (shape, dtype) = match op {
        Op::Input(_) | Op::Param(_) | Op::Full(_) => {
            arity(0)?;
            (target.0.to_vec(), target.1)
        }
        Op::Random { .. } => {
            arity(0)?;
            (target.0.to_vec(), F32)
        }
        Op::Arange { .. } => {
            arity(0)?;
            if target.0.len() != 1 {
                return Err(Error::Rank { op: name, needed: 1, got: target.0.to_vec() });
            }
            (target.0.to_vec(), target.1)
        }
        Op::Literal(data) => {
            arity(0)?;
            if elements(target.0)? != data.len() {
                return Err(Error::Elements(vec![data.len()], target.0.to_vec()));
            }
            (target.0.to_vec(), target.1)
        }
        Op::Unary(f) => {
            arity(1)?;
            let (s, d) = operands[0];
            match f {
                Unary::Not => only(d, &[Bool])?,
                Unary::Neg | Unary::Abs | Unary::Sign => only(d, &[F32, I64])?,
                _ => only(d, &[F32])?,
            }
            (s.to_vec(), d)
        }
        Op::Binary(f) => {
            arity(2)?;
            let ((a, d), (b, e)) = (operands[0], operands[1]);
            only(e, &[d])?;
            match f {
                Binary::And | Binary::Or | Binary::Xor => only(d, &[Bool])?,
                Binary::Div | Binary::Pow => only(d, &[F32])?,
                _ => only(d, &[F32, I64])?,
            }
            (broadcast(a, b)?, d)
        }
        Op::Compare(_) => {
            arity(2)?;
            only(operands[1].1, &[operands[0].1])?;
            (broadcast(operands[0].0, operands[1].0)?, Bool)
        }
        Op::Where => {
            arity(3)?;
            only(operands[0].1, &[Bool])?;
            only(operands[2].1, &[operands[1].1])?;
            (broadcast(operands[0].0, &broadcast(operands[1].0, operands[2].0)?)?, operands[1].1)
        }
        Op::Cast => {
            arity(1)?;
            (operands[0].0.to_vec(), target.1)
        }
        Op::Matmul => {
            arity(2)?;
            let ((a, d), (b, e)) = (operands[0], operands[1]);
            only(d, &[F32])?;
            only(e, &[F32])?;
            for s in [a, b] {
                if s.len() < 2 {
                    return Err(Error::Rank { op: name, needed: 2, got: s.to_vec() });
                }
            }
            let ((ab, am), (bb, bm)) = (a.split_at(a.len() - 2), b.split_at(b.len() - 2));
            if am[1] != bm[0] {
                return Err(Error::Inner(a.to_vec(), b.to_vec(), am[1], bm[0]));
            }
            let mut s = broadcast(ab, bb)?;
            s.extend([am[0], bm[1]]);
            (s, F32)
        }
        Op::Reduce { axes, .. } => {
            arity(1)?;
            let mut s = operands[0].0.to_vec();
            only(operands[0].1, &[F32, I64])?;
            for &axis in axes {
                axis_in(axis, &s)?;
                s[axis] = 1;
            }
            (s, operands[0].1)
        }
        Op::Softmax(axis) | Op::LogSoftmax(axis) => {
            arity(1)?;
            axis_in(*axis, operands[0].0)?;
            only(operands[0].1, &[F32])?;
            (operands[0].0.to_vec(), F32)
        }
        Op::CumSum(axis) | Op::CumProd(axis) => {
            arity(1)?;
            axis_in(*axis, operands[0].0)?;
            only(operands[0].1, &[F32, I64])?;
            (operands[0].0.to_vec(), operands[0].1)
        }
        Op::Flip(axis) => {
            arity(1)?;
            axis_in(*axis, operands[0].0)?;
            (operands[0].0.to_vec(), operands[0].1)
        }
        Op::ArgMax(axis) => {
            arity(1)?;
            axis_in(*axis, operands[0].0)?;
            let mut s = operands[0].0.to_vec();
            s[*axis] = 1;
            (s, I64)
        }
        Op::ArgSort { axis, .. } => {
            arity(1)?;
            axis_in(*axis, operands[0].0)?;
            (operands[0].0.to_vec(), I64)
        }
        Op::Reshape => {
            arity(1)?;
            if elements(operands[0].0)? != elements(target.0)? {
                return Err(Error::Elements(operands[0].0.to_vec(), target.0.to_vec()));
            }
            (target.0.to_vec(), operands[0].1)
        }
        Op::Permute(perm) => {
            arity(1)?;
            let s = operands[0].0;
            let mut seen = vec![false; s.len()];
            for &axis in perm {
                axis_in(axis, s)?;
                seen[axis] = true;
            }
            if perm.len() != s.len() || seen.contains(&false) {
                return Err(mismatch(s, perm));
            }
            (perm.iter().map(|&axis| s[axis]).collect(), operands[0].1)
        }
        Op::Expand => {
            arity(1)?;
            let s = operands[0].0;
            if s.len() != target.0.len() || s.iter().zip(target.0).any(|(&a, &b)| a != b && a != 1) {
                return Err(Error::Broadcast(s.to_vec(), target.0.to_vec()));
            }
            (target.0.to_vec(), operands[0].1)
        }
        Op::Slice { axis, start, step } => {
            arity(1)?;
            let s = operands[0].0;
            axis_in(*axis, s)?;
            axis_in(*axis, target.0)?;
            let len = target.0[*axis];
            inside(name, *axis, *start, *step, len, s[*axis])?;
            let mut s = s.to_vec();
            s[*axis] = len;
            (s, operands[0].1)
        }
        Op::SliceScatter { axis, start, step } => {
            arity(2)?;
            let ((s, d), (v, e)) = (operands[0], operands[1]);
            only(e, &[d])?;
            axis_in(*axis, s)?;
            axis_in(*axis, v)?;
            inside(name, *axis, *start, *step, v[*axis], s[*axis])?;
            if s.len() != v.len() || (0..s.len()).any(|i| i != *axis && s[i] != v[i]) {
                return Err(mismatch(s, v));
            }
            (s.to_vec(), d)
        }
        Op::Cat(axis) => {
            let Some(&(first, d)) = operands.first() else {
                return Err(Error::Arity { op: name, needed: 1, got: 0 });
            };
            let mut s = first.to_vec();
            axis_in(*axis, &s)?;
            for &(v, e) in &operands[1..] {
                only(e, &[d])?;
                if s.len() != v.len() || (0..s.len()).any(|i| i != *axis && s[i] != v[i]) {
                    return Err(mismatch(&s, v));
                }
                s[*axis] += v[*axis];
            }
            (s, d)
        }
        Op::Pad { axis, before, after, .. } => {
            arity(1)?;
            let mut s = operands[0].0.to_vec();
            axis_in(*axis, &s)?;
            s[*axis] = s[*axis]
                .checked_add(*before)
                .and_then(|n| n.checked_add(*after))
                .ok_or_else(|| Error::TooLarge(s.clone()))?;
            (s, operands[0].1)
        }
        Op::Gather(axis) => {
            arity(2)?;
            let ((s, d), (i, e)) = (operands[0], operands[1]);
            only(e, &[I64])?;
            axis_in(*axis, s)?;
            if s.len() != i.len() || (0..s.len()).any(|a| a != *axis && i[a] > s[a]) {
                return Err(mismatch(s, i));
            }
            (i.to_vec(), d)
        }
        Op::IndexSelect(axis) => {
            arity(2)?;
            let ((s, d), (i, e)) = (operands[0], operands[1]);
            only(e, &[I64])?;
            axis_in(*axis, s)?;
            if i.len() != 1 {
                return Err(mismatch(s, i));
            }
            let mut s = s.to_vec();
            s[*axis] = i[0];
            (s, d)
        }
        Op::ScatterAdd(axis) => {
            arity(3)?;
            let ((s, d), (i, e), (v, _)) = (operands[0], operands[1], operands[2]);
            only(e, &[I64])?;
            axis_in(*axis, s)?;
            if i != v || s.len() != v.len() || (0..s.len()).any(|a| a != *axis && v[a] > s[a]) {
                return Err(mismatch(s, v));
            }
            (s.to_vec(), d)
        }
        Op::IndexAdd(axis) => {
            arity(3)?;
            let ((s, d), (i, e), (v, _)) = (operands[0], operands[1], operands[2]);
            only(e, &[I64])?;
            axis_in(*axis, s)?;
            axis_in(*axis, v)?;
            if i.len() != 1
                || i[0] != v[*axis]
                || s.len() != v.len()
                || (0..s.len()).any(|a| a != *axis && v[a] != s[a])
            {
                return Err(mismatch(s, v));
            }
            (s.to_vec(), d)
        }
        Op::DepthwiseConv { dilation } => {
            arity(2)?;
            let (x, w) = (operands[0].0, operands[1].0);
            if x.len() != 3 || w.len() != 2 || x[1] != w[0] || w[1] == 0 || *dilation == 0 {
                return Err(mismatch(x, w));
            }
            let reach = (w[1] - 1).saturating_mul(*dilation);
            if reach >= x[2] {
                return Err(Error::Bounds { op: name, axis: 2, index: reach, size: x[2] });
            }
            (vec![x[0], x[1], x[2] - reach], F32)
        }
        Op::CircularConv => {
            arity(2)?;
            let ((a, d), (b, e)) = (operands[0], operands[1]);
            only(d, &[F32])?;
            only(e, &[F32])?;
            match (a.last(), b.last()) {
                (Some(n), Some(m)) if n == m && *n > 0 => (broadcast(a, b)?, F32),
                _ => return Err(mismatch(a, b)),
            }
        }
        Op::DepthwiseConvWeight { dilation, taps } => {
            arity(2)?;
            let (x, dy) = (operands[0].0, operands[1].0);
            let reach = taps.saturating_sub(1).saturating_mul(*dilation);
            if x.len() != 3 || dy.len() != 3 || x[..2] != dy[..2] || x[2] != dy[2] + reach {
                return Err(mismatch(x, dy));
            }
            (vec![x[1], *taps], F32)
        }
    };
    elements(&shape)?;
    Ok((shape, dtype))
}

fn inside(op: &'static str, axis: usize, start: usize, step: usize, len: usize, size: usize) -> Result<(), Error> {
    let last = match len {
        0 => return Ok(()),
        _ => start.saturating_add((len - 1).saturating_mul(step.max(1))),
    };
    match last < size && step >= 1 {
        true => Ok(()),
        false => Err(Error::Bounds { op, axis, index: last, size }),
    }
}

fn name(op: &Op) -> &'static str {
    match op {
        Op::Input(_) => "input",
        Op::Param(_) => "parameter",
        Op::Full(_) => "full",
        Op::Arange { .. } => "arange",
        Op::Literal(_) => "tensor",
        Op::Random { .. } => "random",
        Op::Unary(_) => "elementwise function",
        Op::Binary(_) => "arithmetic",
        Op::Compare(_) => "comparison",
        Op::Where => "where",
        Op::Cast => "cast",
        Op::Matmul => "matmul",
        Op::Reduce { .. } => "reduction",
        Op::Softmax(_) => "softmax",
        Op::LogSoftmax(_) => "log_softmax",
        Op::CumSum(_) => "cumsum",
        Op::CumProd(_) => "cumprod",
        Op::ArgMax(_) => "argmax",
        Op::ArgSort { .. } => "argsort",
        Op::Reshape => "reshape",
        Op::Permute(_) => "permute",
        Op::Expand => "expand",
        Op::Slice { .. } => "slice",
        Op::SliceScatter { .. } => "slice assignment",
        Op::Cat(_) => "cat",
        Op::Pad { .. } => "pad",
        Op::Flip(_) => "flip",
        Op::Gather(_) => "gather",
        Op::IndexSelect(_) => "index_select",
        Op::ScatterAdd(_) => "scatter_add",
        Op::IndexAdd(_) => "index_add",
        Op::CircularConv => "circular convolution",
        Op::DepthwiseConv { .. } => "depthwise convolution",
        Op::DepthwiseConvWeight { .. } => "depthwise convolution gradient",
    }
}
