//! Tensors made of tensors: join, repeat, reverse, shift, pad.

use std::rc::Rc;

use super::args::axis;
use super::shape::expand;
use super::{Builtin, F, METHOD, TORCH};
use crate::finding::FindingKind;
use crate::ir::Op;
use crate::language::interp::{Eval, Interp};
use crate::language::tensor::Tensor;
use crate::language::value::Value;

const TM: u32 = TORCH | METHOD;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "repeat",
        places: METHOD,
        signature: "input,*repeats",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let repeats = a.rest_sizes(s)?;
            tile(s, &x, repeats)
        },
    },
    Builtin {
        name: "tile",
        places: TM,
        signature: "input,dims",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let mut repeats = Vec::new();
            for n in a.ints(s, "dims")? {
                repeats.push(a.size_of(s, n)?);
            }
            let rank = s.dims(&x)?.len();
            while repeats.len() < rank {
                repeats.insert(0, 1);
            }
            tile(s, &x, repeats)
        },
    },
    Builtin {
        name: "repeat_interleave",
        places: TM,
        signature: "input,repeats,dim?,*,output_size?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let n = match a.value("repeats") {
                Value::Tensor(_) => return s.unsupported("repeat_interleave() supports one number of repeats"),
                _ => a.size(s, "repeats")?,
            };
            let mut node = s.read(&x)?;
            let axis = match a.opt("dim") {
                None => {
                    let all = s.graph.node(node).elements();
                    let made = s.graph.reshape(node, &[all]);
                    node = s.made(made)?;
                    0
                }
                Some(_) => a.dim(s, "dim", s.graph.shape(node).len())?,
            };
            let mut shape = s.graph.shape(node).to_vec();
            shape.insert(axis + 1, 1);
            let made = s.graph.reshape(node, &shape);
            node = s.made(made)?;
            shape[axis + 1] = n;
            let made = s.graph.expand(node, &shape);
            node = s.made(made)?;
            shape.remove(axis + 1);
            shape[axis] *= n;
            let made = s.graph.reshape(node, &shape);
            s.tensor(made)
        },
    },
    Builtin {
        name: "cat|concat|concatenate",
        places: TORCH,
        signature: "tensors,dim|axis?",
        run: |s, a| {
            let tensors = a.tensors(s, "tensors")?;
            let nodes = s.common(&tensors)?;
            // PyTorch skips empty 1-d tensors, whatever the others' rank.
            let nodes: Vec<_> = match nodes.iter().any(|&n| s.graph.shape(n) != [0]) {
                true => nodes.into_iter().filter(|&n| s.graph.shape(n) != [0]).collect(),
                false => nodes,
            };
            let Some(&first) = nodes.first() else {
                return s.raise("RuntimeError", "cat(): expected a non-empty list of tensors");
            };
            let axis = a.dim_or(s, "dim", 0, s.graph.shape(first).len())?;
            let made = s.graph.cat(&nodes, axis);
            s.tensor(made)
        },
    },
    Builtin {
        name: "stack",
        places: TORCH,
        signature: "tensors,dim?",
        run: |s, a| {
            let tensors = a.tensors(s, "tensors")?;
            let nodes = s.common(&tensors)?;
            let Some(&first) = nodes.first() else {
                return s.raise("RuntimeError", "stack(): expected a non-empty list of tensors");
            };
            let shape = s.graph.shape(first).to_vec();
            let axis = a.dim_or(s, "dim", 0, shape.len() + 1)?;
            let mut rows = Vec::new();
            for node in nodes {
                if s.graph.shape(node) != shape {
                    let message = format!("stack(): shapes {shape:?} and {:?} differ", s.graph.shape(node));
                    return Err(s.fault(FindingKind::Shape, message).into());
                }
                let mut row = shape.clone();
                row.insert(axis, 1);
                let made = s.graph.reshape(node, &row);
                rows.push(s.made(made)?);
            }
            let made = s.graph.cat(&rows, axis);
            s.tensor(made)
        },
    },
    Builtin {
        name: "flip",
        places: METHOD,
        signature: "input,*dims",
        run: |s, a| {
            let x = a.node(s, "input")?;
            let dims = a.rest_ints(s)?;
            flip(s, x, &dims)
        },
    },
    Builtin {
        name: "flip",
        places: TORCH,
        signature: "input,dims",
        run: |s, a| {
            let x = a.node(s, "input")?;
            let dims = a.ints(s, "dims")?;
            flip(s, x, &dims)
        },
    },
    Builtin {
        name: "roll",
        places: TM,
        signature: "input,shifts,dims?",
        run: |s, a| {
            let mut x = a.node(s, "input")?;
            let shifts = a.ints(s, "shifts")?;
            let shape = s.graph.shape(x).to_vec();
            let dims = match a.opt("dims") {
                Some(_) => a.ints(s, "dims")?,
                None => {
                    let made = s.graph.reshape(x, &[shape.iter().product()]);
                    x = s.made(made)?;
                    vec![0]
                }
            };
            if dims.len() != shifts.len() {
                return s.raise("RuntimeError", "roll(): shifts and dims must have the same length");
            }
            for (shift, dim) in shifts.into_iter().zip(dims) {
                let dim = axis(s, dim, s.graph.shape(x).len())?;
                let size = s.graph.shape(x)[dim];
                let by = if size == 0 { 0 } else { shift.rem_euclid(size as i64) as usize };
                if by > 0 {
                    let tail = {
                        let m = s.graph.slice(x, dim, size - by, by, 1);
                        s.made(m)?
                    };
                    let head = {
                        let m = s.graph.slice(x, dim, 0, size - by, 1);
                        s.made(m)?
                    };
                    let made = s.graph.cat(&[tail, head], dim);
                    x = s.made(made)?;
                }
            }
            let made = s.graph.reshape(x, &shape);
            s.tensor(made)
        },
    },
    Builtin {
        name: "pad",
        places: F,
        signature: "input,pad,mode?,value?",
        run: |s, a| {
            let mut x = a.node(s, "input")?;
            let pads = a.ints(s, "pad")?;
            let mode = a.string_or(s, "mode", "constant")?;
            let value = a.float_or(s, "value", 0.0)?;
            if &*mode != "constant" {
                return s.unsupported(format!("pad() with mode '{mode}' is not supported; only 'constant'"));
            }
            let rank = s.graph.shape(x).len();
            if pads.len() % 2 != 0 || pads.len() / 2 > rank {
                return s
                    .raise("RuntimeError", format!("pad(): {} numbers for a tensor of {rank} dimensions", pads.len()));
            }
            for (i, pair) in pads.chunks(2).enumerate() {
                let dim = rank - 1 - i;
                // Negative padding cuts.
                let size = s.graph.shape(x)[dim] as i64;
                let (cut_before, cut_after) = ((-pair[0]).max(0), (-pair[1]).max(0));
                if cut_before + cut_after > size {
                    return s.raise("RuntimeError", "pad(): negative padding cuts more than there is");
                }
                let made = s.graph.slice(x, dim, cut_before as usize, (size - cut_before - cut_after) as usize, 1);
                x = s.made(made)?;
                let made = s.graph.pad(x, dim, pair[0].max(0) as usize, pair[1].max(0) as usize, value);
                x = s.made(made)?;
            }
            s.tensor(Ok(x))
        },
    },
    Builtin {
        name: "broadcast_tensors",
        places: TORCH,
        signature: "*tensors",
        run: |s, a| {
            let mut shape = Vec::new();
            for value in &a.rest {
                let Value::Tensor(t) = value else { return s.type_error("broadcast_tensors() needs tensors") };
                let dims = s.dims(t)?;
                shape = match crate::ir::broadcast(&shape, &dims) {
                    Ok(shape) => shape,
                    Err(error) => return Err(s.fault(FindingKind::Shape, error.to_string()).into()),
                };
            }
            let sizes: Vec<i64> = shape.iter().map(|&d| d as i64).collect();
            let mut out = Vec::new();
            for value in &a.rest {
                if let Value::Tensor(t) = value {
                    out.push(expand(s, t, &sizes)?);
                }
            }
            Ok(Value::tuple(out))
        },
    },
];

fn tile(s: &mut Interp<'_>, x: &Rc<Tensor>, repeats: Vec<usize>) -> Eval<Value> {
    let node = s.read(x)?;
    let dims = s.graph.shape(node).to_vec();
    if repeats.len() < dims.len() {
        return s.raise("RuntimeError", "repeat(): the number of repeats is less than the number of dimensions");
    }
    // [d0, d1] -> [1, d0, 1, d1] -> [r0, d0, r1, d1] -> [r0*d0, r1*d1]
    let mut padded = vec![1; repeats.len() - dims.len()];
    padded.extend(&dims);
    let thin: Vec<usize> = padded.iter().flat_map(|&d| [1, d]).collect();
    let wide: Vec<usize> = padded.iter().zip(&repeats).flat_map(|(&d, &r)| [r, d]).collect();
    let full: Vec<usize> = padded.iter().zip(&repeats).map(|(&d, &r)| d.saturating_mul(r)).collect();
    let made = s.graph.reshape(node, &thin);
    let node = s.made(made)?;
    let made = s.graph.expand(node, &wide);
    let node = s.made(made)?;
    let made = s.graph.reshape(node, &full);
    s.tensor(made)
}

fn flip(s: &mut Interp<'_>, mut x: crate::ir::NodeId, dims: &[i64]) -> Eval<Value> {
    for &dim in dims {
        let dim = axis(s, dim, s.graph.shape(x).len())?;
        let made = s.graph.apply(Op::Flip(dim), &[x]);
        x = s.made(made)?;
    }
    s.tensor(Ok(x))
}
