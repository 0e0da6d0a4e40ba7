//! Rules of indexed reads and writes: exact where the index is a constant, a bound where data decides it.

use super::element::Element;
use super::tensor::Tensor;
use super::transfer::Operand;
use crate::ir::Op;
use crate::ir::eval::{reduced_index, strides, walk};

/// Gather and index_select. An element read at an unknown index depends on the index, and perhaps on any along the axis.
pub fn gather(op: &Op, x: Operand<'_>, index: Operand<'_>, shape: &[usize]) -> Tensor {
    let (Op::Gather(axis) | Op::IndexSelect(axis)) = op else { unreachable!("called for gathers") };
    let (size, stride) = (x.0[*axis], strides(x.0)[*axis]);
    let places = places(op, *axis, shape);
    let mut bases = strides(x.0);
    bases[*axis] = 0;
    // Joins over the axis, made when first needed.
    let mut anywhere: Option<Vec<Element>> = None;
    let lanes: Vec<usize> = reduced_index(x.0, &[*axis]).collect();
    let out = walk(shape, &bases, 0).into_iter().zip(places).map(|(base, place)| {
        let at = index.1.at(place);
        if let Some(i) = known_row(at, size) {
            return x.1.at(base + i * stride);
        }
        let joins = anywhere.get_or_insert_with(|| {
            let mut joins = vec![Element::FREE; x.0.iter().product::<usize>() / size.max(1)];
            lanes.iter().enumerate().for_each(|(i, &o)| joins[o] = joins[o].join(x.1.at(i)));
            joins
        });
        at.join(joins[lanes[base]].uncertain())
    });
    Tensor::of(out.collect())
}

/// Scatter_add and index_add. Where the index is unknown, any element along the axis may be written.
pub fn scatter(op: &Op, base: Operand<'_>, index: Operand<'_>, src: Operand<'_>) -> Tensor {
    let (Op::ScatterAdd(axis) | Op::IndexAdd(axis)) = op else { unreachable!("called for scatters") };
    let (size, stride) = (base.0[*axis], strides(base.0)[*axis]);
    let mut bases = strides(base.0);
    bases[*axis] = 0;
    let mut out = base.1.elements(base.0.iter().product()).to_vec();
    let places = places(op, *axis, src.0);
    for ((i, to), place) in walk(src.0, &bases, 0).into_iter().enumerate().zip(places) {
        let (value, at) = (src.1.at(i), index.1.at(place));
        if value.zero() {
            continue;
        }
        match known_row(at, size) {
            Some(row) => {
                let cell = &mut out[to + row * stride];
                *cell = match (cell.constant(), value.constant()) {
                    (Some(a), Some(b)) => Element::known(a + b),
                    _ => cell.join(value),
                };
            }
            None => {
                let reach = at.join(value.uncertain());
                (0..size).for_each(|row| out[to + row * stride] = out[to + row * stride].join(reach));
            }
        }
    }
    Tensor::of(out)
}

/// For each element of `shape` (the result of a gather, the source of a scatter), the index element that places it.
pub fn places(op: &Op, axis: usize, shape: &[usize]) -> Vec<usize> {
    let n: usize = shape.iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    match op {
        Op::IndexSelect(_) | Op::IndexAdd(_) => (0..n).map(|i| i / inner % shape[axis]).collect(),
        _ => (0..n).collect(),
    }
}

/// The row that a constant index names.
pub fn known_row(index: Element, size: usize) -> Option<usize> {
    let i = index.constant()?;
    (i >= 0.0 && (i as usize) < size).then_some(i as usize)
}
