//! Rules of operations that mix elements: products, reductions, softmax, running sums, convolutions.

use super::element::{Element, Value};
use super::tensor::Tensor;
use super::transfer::Operand;
use crate::ir::eval::{broadcast_index, evaluate, matmul_batches, reduced, reduced_index};
use crate::ir::{Axis, DType, Op, Reduction};

/// A sum under way: known as long as every term is, and blind to exact zeros.
#[derive(Clone, Copy)]
struct Sum {
    join: Element,
    known: Option<f64>,
}

impl Sum {
    const EMPTY: Self = Self { join: Element::FREE, known: Some(0.0) };

    /// Add `a * b`.
    #[inline]
    fn product(&mut self, a: Element, b: Element) {
        if a.zero() || b.zero() {
            return;
        }
        self.join = self.join.join(a).join(b);
        self.known = match (self.known, a.value, b.value) {
            (Some(s), Value::Known(x), Value::Known(y)) => Some(s + x * y),
            _ => None,
        };
    }

    fn element(self) -> Element {
        self.known.map_or(self.join, Element::known)
    }
}

/// Batched matrix product; a term with an exactly zero factor carries nothing.
pub fn matmul(a: Operand<'_>, b: Operand<'_>, shape: &[usize]) -> Tensor {
    let (m, n, k) = (shape[shape.len() - 2], shape[shape.len() - 1], a.0[a.0.len() - 1]);
    let batches = matmul_batches(a.0, b.0, shape);
    let dense = !a.1.has_zero() && !b.1.has_zero();
    let (x, y) = (a.1.elements(a.0.iter().product()), b.1.elements(b.0.iter().product()));
    let mut out = Vec::with_capacity(shape.iter().product());
    let mut row = vec![Sum::EMPTY; n];
    for (ao, bo) in batches {
        if dense && k > 0 {
            // Every term counts and (not both operands being constant) no sum is known.
            let both = |i: usize, rest: &[Element]| rest.iter().fold(x[ao + i * k], |s, &e| s.join(e));
            let mut columns = y[bo..bo + n].to_vec();
            for p in 1..k {
                columns.iter_mut().zip(&y[bo + p * n..]).for_each(|(c, e)| *c = c.join(*e));
            }
            for i in 0..m {
                let left = both(i, &x[ao + i * k..ao + (i + 1) * k]);
                out.extend(columns.iter().map(|c| left.join(*c)));
            }
            continue;
        }
        for i in 0..m {
            row.fill(Sum::EMPTY);
            for p in 0..k {
                let left = x[ao + i * k + p];
                if !left.zero() {
                    row.iter_mut().zip(&y[bo + p * n..]).for_each(|(s, e)| s.product(left, *e));
                }
            }
            out.extend(row.iter().map(|s| s.element()));
        }
    }
    Tensor::of(out)
}

/// Depthwise convolution by taps; a tap of weight exactly zero carries nothing.
pub fn convolve(x: Operand<'_>, w: Operand<'_>, shape: &[usize], dilation: usize) -> Tensor {
    let (channels, length, taps, steps) = (x.0[1], x.0[2], w.0[1], shape[2]);
    let mut out = Vec::with_capacity(shape.iter().product());
    for row in 0..x.0[0] * channels {
        for t in 0..steps {
            let mut sum = Sum::EMPTY;
            for j in 0..taps {
                sum.product(w.1.at(row % channels * taps + j), x.1.at(row * length + t + j * dilation));
            }
            out.push(sum.element());
        }
    }
    Tensor::of(out)
}

/// Circular convolution: every pair of elements that are not exactly zero meets at the sum of their places.
pub fn circular(a: Operand<'_>, b: Operand<'_>, shape: &[usize]) -> Tensor {
    let (size, n) = (shape[shape.len() - 1], shape.iter().product());
    let (i, j) = (broadcast_index(a.0, shape), broadcast_index(b.0, shape));
    let mut out = Vec::with_capacity(n);
    let mut row = vec![Sum::EMPTY; size];
    for start in (0..n).step_by(size.max(1)) {
        row.fill(Sum::EMPTY);
        for p in 0..size {
            let left = a.1.at(i[start + p]);
            if left.zero() {
                continue;
            }
            for q in 0..size {
                row[(p + q) % size].product(left, b.1.at(j[start + q]));
            }
        }
        out.extend(row.iter().map(|s| s.element()));
    }
    Tensor::of(out)
}

/// Reduction over axes. A maximum ignores masks beside ordinary entries; a product with an exact zero is zero.
pub fn reduce(x: Operand<'_>, axes: &[Axis], kind: Reduction, n: usize) -> Tensor {
    let start = match kind {
        Reduction::Sum => 0.0,
        Reduction::Prod => 1.0,
        Reduction::Max => f64::NEG_INFINITY,
        Reduction::Min => f64::INFINITY,
    };
    let to = reduced_index(x.0, axes);
    let mut ordinary = vec![kind != Reduction::Max; n];
    if kind == Reduction::Max {
        to.clone().enumerate().for_each(|(i, o)| ordinary[o] |= !x.1.at(i).masked());
    }
    let mut joins = vec![Element::FREE; n];
    let mut known = vec![Some(start); n];
    let mut zero = vec![false; n];
    for (i, o) in to.enumerate() {
        let e = x.1.at(i);
        if kind == Reduction::Max && ordinary[o] && e.masked() {
            continue;
        }
        zero[o] |= kind == Reduction::Prod && e.zero();
        joins[o] = joins[o].join(e);
        known[o] = known[o].zip(e.constant()).map(|(s, v)| reduced(kind, s, v));
    }
    let element = |o: usize| match zero[o] {
        true => Element::known(0.0),
        false => known[o].map_or(joins[o], Element::known),
    };
    Tensor::of((0..n).map(element).collect())
}

/// Softmax or its logarithm: a masked entry beside an ordinary one has weight exactly zero and no say; a lone ordinary
/// entry has weight exactly one.
pub fn softmax(x: Operand<'_>, axis: Axis, log: bool) -> Tensor {
    along(x, axis, |lane| {
        let active: Vec<Element> = lane.iter().copied().filter(|e| !e.masked()).collect();
        let constant = match active.is_empty() {
            true => lane.iter().all(|e| e.constant().is_some()),
            false => active.iter().all(|e| e.constant().is_some()),
        };
        if constant || active.len() == 1 {
            return weigh(lane, log);
        }
        let all = if active.is_empty() { &lane[..] } else { &active[..] };
        let join = all.iter().fold(Element::FREE, |s, &e| s.join(e));
        let cut = !active.is_empty();
        for e in lane {
            *e = match (cut && e.masked(), log) {
                (false, _) => join,
                (true, false) => Element::known(0.0),
                (true, true) if e.constant() == Some(f64::NEG_INFINITY) => *e,
                (true, true) => Element { value: e.value_below(), ..join.join(*e) },
            };
        }
    })
}

/// A lane whose ordinary entries are constants, or a single one whose value does not matter.
fn weigh(lane: &mut [Element], log: bool) {
    let value = |e: &Element| match e.value {
        Value::Known(v) | Value::Below(v) => v,
        Value::Unknown => 0.0,
    };
    let values: Vec<f64> = lane.iter().map(value).collect();
    let op = if log { Op::LogSoftmax(0) } else { Op::Softmax(0) };
    let weights = evaluate(&op, &[(&[lane.len()], &values)], &[lane.len()], DType::F32);
    for (e, w) in lane.iter_mut().zip(weights.expect("softmax of numbers")) {
        // A masked logarithm still depends on what it was added to.
        *e = match log && e.masked() && e.constant() != Some(f64::NEG_INFINITY) {
            true => Element { value: e.value_below(), ..*e },
            false => Element::known(w),
        };
    }
}

impl Element {
    fn value_below(self) -> Value {
        match self.value {
            Value::Known(v) | Value::Below(v) => Value::Below(v),
            Value::Unknown => Value::Unknown,
        }
    }
}

/// Running sum or product.
pub fn cumulative(x: Operand<'_>, axis: Axis, product: bool) -> Tensor {
    along(x, axis, |lane| {
        let mut join = Element::FREE;
        let mut known = Some(if product { 1.0 } else { 0.0 });
        for e in lane {
            join = join.join(*e);
            known = match (known, e.constant()) {
                // Once zero, a product stays zero.
                (Some(0.0), _) | (_, Some(0.0)) if product => Some(0.0),
                (Some(s), Some(v)) => Some(if product { s * v } else { s + v }),
                _ => None,
            };
            *e = known.map_or(join, Element::known);
        }
    })
}

/// Index of the maximum: decided by every entry that is not a mask.
pub fn argmax(x: Operand<'_>, axis: Axis, n: usize) -> Tensor {
    let to = reduced_index(x.0, &[axis]);
    let mut out = vec![Element::FREE; n];
    to.enumerate().for_each(|(i, o)| out[o] = out[o].join(rank(x.1.at(i))));
    Tensor::of(out)
}

/// Sorting order: decided by every entry that is not a mask.
pub fn argsort(x: Operand<'_>, axis: Axis) -> Tensor {
    along(x, axis, |lane| {
        let join = lane.iter().fold(Element::FREE, |s, &e| s.join(rank(e)));
        lane.fill(join);
    })
}

fn rank(e: Element) -> Element {
    if e.masked() { e.uncertain() } else { e }
}

fn along(x: Operand<'_>, axis: Axis, f: impl Fn(&mut [Element])) -> Tensor {
    let (shape, tensor) = x;
    let n: usize = shape.iter().product();
    let (size, inner): (usize, usize) = (shape[axis], shape[axis + 1..].iter().product());
    let mut out = tensor.elements(n).to_vec();
    let mut lane = vec![Element::FREE; size];
    for start in (0..n).filter(|i| size > 0 && i / inner % size == 0) {
        (0..size).for_each(|k| lane[k] = out[start + k * inner]);
        f(&mut lane);
        (0..size).for_each(|k| out[start + k * inner] = lane[k]);
    }
    Tensor::of(out)
}
