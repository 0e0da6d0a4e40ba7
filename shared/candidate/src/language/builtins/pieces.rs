//! Parts of tensors: split, select, windows, diagonals.

use std::rc::Rc;

use super::{Builtin, METHOD, TORCH};
use crate::finding::FindingKind;
use crate::ir::{Axis, DType, Op};
use crate::language::interp::{Eval, Interp};
use crate::language::tensor::{Tensor, View};
use crate::language::value::Value;

const TM: u32 = TORCH | METHOD;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "chunk",
        places: TM,
        signature: "input,chunks,dim?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let axis = a.dim_or(s, "dim", 0, dims.len())?;
            let n = a.size(s, "chunks")?;
            if n == 0 {
                return s.raise("RuntimeError", "chunk(): chunks must be positive");
            }
            split(s, &x, axis, dims[axis].div_ceil(n).max(1))
        },
    },
    Builtin {
        name: "split",
        places: TM,
        signature: "input|tensor,split_size|split_size_or_sections,dim?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let axis = a.dim_or(s, "dim", 0, dims.len())?;
            match a.value("split_size") {
                Value::Tuple(_) | Value::List(_) => {
                    let mut sizes = Vec::new();
                    for n in a.ints(s, "split_size")? {
                        sizes.push(a.size_of(s, n)?);
                    }
                    if sizes.iter().sum::<usize>() != dims[axis] {
                        let message = format!("split() of size {} into {sizes:?}: the sizes do not add up", dims[axis]);
                        return Err(s.fault(FindingKind::Shape, message).into());
                    }
                    pieces(s, &x, axis, &sizes)
                }
                _ => {
                    let size = a.size(s, "split_size")?;
                    if size == 0 {
                        return s.raise("RuntimeError", "split(): split_size must be positive");
                    }
                    split(s, &x, axis, size)
                }
            }
        },
    },
    Builtin {
        name: "tensor_split",
        places: TM,
        signature: "input,sections,dim?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let axis = a.dim_or(s, "dim", 0, dims.len())?;
            let n = a.size(s, "sections")?.max(1);
            s.length(n, "tuple")?;
            let sizes: Vec<usize> = (0..n).map(|i| dims[axis] / n + usize::from(i < dims[axis] % n)).collect();
            pieces(s, &x, axis, &sizes)
        },
    },
    Builtin {
        name: "unbind",
        places: TM,
        signature: "input,dim?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let axis = a.dim_or(s, "dim", 0, dims.len())?;
            s.length(dims[axis], "tuple")?;
            let rows: Vec<Value> = (0..dims[axis]).map(|i| select(s, &x, axis, i)).collect::<Eval<_>>()?;
            Ok(Value::tuple(rows))
        },
    },
    Builtin {
        name: "select",
        places: TM,
        signature: "input,dim,index",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let dim = a.dim(s, "dim", dims.len())?;
            let at = s.position(a.value("index"), dims[dim], "tensor")?;
            select(s, &x, dim, at)
        },
    },
    Builtin {
        name: "narrow",
        places: TM,
        signature: "input,dim,start,length",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let dim = a.dim(s, "dim", dims.len())?;
            let (start, len) = (a.int(s, "start")?, a.size(s, "length")?);
            let start = if start < 0 { start + dims[dim] as i64 } else { start };
            match usize::try_from(start) {
                Ok(start) if start.saturating_add(len) <= dims[dim] => {
                    s.slice_view(&x, dim, start, len, 1).map(Value::Tensor)
                }
                _ => s.raise(
                    "RuntimeError",
                    format!("narrow(): start and length leave dimension {dim} of size {}", dims[dim]),
                ),
            }
        },
    },
    Builtin {
        name: "unfold",
        places: METHOD,
        signature: "input,dimension,size,step",
        run: |s, a| {
            // [.., n, ..] -> [.., windows, .., size]: one slice per offset, stacked last.
            let x = a.node(s, "input")?;
            let shape = s.graph.shape(x).to_vec();
            let dim = a.dim(s, "dimension", shape.len())?;
            let (size, step) = (a.size(s, "size")?, a.size(s, "step")?.max(1));
            if size > shape[dim] || size == 0 {
                return s.raise(
                    "RuntimeError",
                    format!("unfold(): size {size} does not fit dimension of size {}", shape[dim]),
                );
            }
            let windows = (shape[dim] - size) / step + 1;
            let mut parts = Vec::new();
            for i in 0..size {
                let made = s.graph.slice(x, dim, i, windows, step);
                let part = s.made(made)?;
                let mut wide = s.graph.shape(part).to_vec();
                wide.push(1);
                let made = s.graph.reshape(part, &wide);
                parts.push(s.made(made)?);
            }
            let made = s.graph.cat(&parts, shape.len());
            s.tensor(made)
        },
    },
    Builtin {
        name: "diagonal",
        places: TM,
        signature: "input,offset?,dim1?,dim2?",
        run: |s, a| {
            let x = a.node(s, "input")?;
            let (offset, rank) = (a.int_or(s, "offset", 0)?, s.graph.shape(x).len());
            let (d1, d2) = (a.dim_or(s, "dim1", 0, rank)?, a.dim_or(s, "dim2", 1, rank)?);
            diagonal(s, x, offset, d1, d2)
        },
    },
    Builtin {
        name: "diag",
        places: TM,
        signature: "input,diagonal?",
        run: |s, a| {
            let x = a.node(s, "input")?;
            let offset = a.int_or(s, "diagonal", 0)?;
            match s.graph.shape(x).len() {
                2 => diagonal(s, x, offset, 0, 1),
                1 => embed(s, x, offset),
                rank => s.raise("RuntimeError", format!("diag() needs 1 or 2 dimensions, got {rank}")),
            }
        },
    },
    Builtin {
        name: "diag_embed",
        places: TM,
        signature: "input,offset?",
        run: |s, a| {
            let x = a.node(s, "input")?;
            let offset = a.int_or(s, "offset", 0)?;
            embed(s, x, offset)
        },
    },
];

fn split(s: &mut Interp<'_>, x: &Rc<Tensor>, axis: Axis, size: usize) -> Eval<Value> {
    let n = s.dims(x)?[axis];
    let mut sizes = vec![size; n / size];
    if n % size != 0 || n == 0 {
        sizes.push(n % size);
    }
    s.length(sizes.len(), "tuple")?;
    pieces(s, x, axis, &sizes)
}

fn pieces(s: &mut Interp<'_>, x: &Rc<Tensor>, axis: Axis, sizes: &[usize]) -> Eval<Value> {
    let mut start = 0;
    let mut out = Vec::new();
    for &size in sizes {
        out.push(Value::Tensor(s.slice_view(x, axis, start, size, 1)?));
        start += size;
    }
    Ok(Value::tuple(out))
}

fn select(s: &mut Interp<'_>, x: &Rc<Tensor>, axis: Axis, at: usize) -> Eval<Value> {
    let view = s.slice_view(x, axis, at, 1, 1)?;
    let mut dims = s.dims(&view)?;
    dims.remove(axis);
    let layout = view.layout;
    s.view(&view, View::Reshape(dims), layout).map(Value::Tensor)
}

/// The diagonal of two axes, moved last: one flat index select.
fn diagonal(s: &mut Interp<'_>, x: crate::ir::NodeId, offset: i64, d1: Axis, d2: Axis) -> Eval<Value> {
    let shape = s.graph.shape(x).to_vec();
    if d1 == d2 {
        return s.raise("RuntimeError", "diagonal(): dimensions must differ");
    }
    let mut perm: Vec<Axis> = (0..shape.len()).filter(|&d| d != d1 && d != d2).collect();
    let kept: Vec<usize> = perm.iter().map(|&d| shape[d]).collect();
    perm.extend([d1, d2]);
    let (rows, columns) = (shape[d1] as i64, shape[d2] as i64);
    let (row, column) = ((-offset).max(0), offset.max(0));
    let n = (rows - row).min(columns - column).max(0);
    let made = s.graph.permute(x, &perm);
    let x = s.made(made)?;
    let made = s.graph.reshape(x, &[&kept[..], &[shape[d1] * shape[d2]]].concat());
    let x = s.made(made)?;
    let made = s.graph.arange((row * columns + column) as f64, (columns + 1) as f64, n as usize, DType::I64);
    let index = s.made(made)?;
    let made = s.graph.apply(Op::IndexSelect(kept.len()), &[x, index]);
    s.tensor(made)
}

/// `[.., n]` on the diagonal of `[.., m, m]`.
fn embed(s: &mut Interp<'_>, x: crate::ir::NodeId, offset: i64) -> Eval<Value> {
    let shape = s.graph.shape(x).to_vec();
    let Some((&n, _)) = shape.split_last() else {
        return s.raise("RuntimeError", "diag_embed() needs at least 1 dimension");
    };
    let m = n + offset.unsigned_abs() as usize;
    // Row i holds its value at column i + offset.
    let (before, after) = match offset >= 0 {
        true => (0, m - n),
        false => (m - n, 0),
    };
    let made = s.graph.pad(x, shape.len() - 1, before, after, 0.0);
    let x = s.made(made)?;
    let mut tall = shape.clone();
    *tall.last_mut().expect("not empty") = m;
    tall.push(1);
    let made = s.graph.reshape(x, &tall);
    let x = s.made(made)?;
    let eye = super::patterns::band(s, m, m, offset)?;
    let eye = super::reduce::cast(s, eye, s.graph.dtype(x))?;
    let made = s.graph.mul(x, eye);
    s.tensor(made)
}
