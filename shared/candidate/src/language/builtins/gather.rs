//! Index by tensor: gather, select, sort, scatter.

use super::{Args, Builtin, METHOD, TORCH};
use crate::finding::FindingKind;
use crate::ir::{Axis, Binary, Compare, DType, NodeId, Op};
use crate::language::interp::{Eval, Interp};
use crate::language::value::Value;

const TM: u32 = TORCH | METHOD;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "gather",
        places: TM,
        signature: "input,dim,index,*,sparse_grad?",
        run: |s, a| {
            let (x, index) = (a.node(s, "input")?, a.node(s, "index")?);
            let axis = a.dim(s, "dim", s.graph.shape(x).len())?;
            let made = s.graph.apply(Op::Gather(axis), &[x, index]);
            s.tensor(made)
        },
    },
    Builtin {
        name: "take_along_dim",
        places: TM,
        signature: "input,indices,dim",
        run: |s, a| {
            let (x, index) = (a.node(s, "input")?, a.node(s, "indices")?);
            let axis = a.dim(s, "dim", s.graph.shape(x).len())?;
            let mut shape = s.graph.shape(x).to_vec();
            shape[axis] = s.graph.shape(index).get(axis).copied().unwrap_or(1);
            let made = s.graph.expand(index, &shape).and_then(|index| s.graph.apply(Op::Gather(axis), &[x, index]));
            s.tensor(made)
        },
    },
    Builtin {
        name: "index_select",
        places: TM,
        signature: "input,dim,index",
        run: |s, a| {
            let (x, index) = (a.node(s, "input")?, a.node(s, "index")?);
            let axis = a.dim(s, "dim", s.graph.shape(x).len())?;
            let made = s.graph.apply(Op::IndexSelect(axis), &[x, index]);
            s.tensor(made)
        },
    },
    Builtin {
        name: "sort",
        places: TM,
        signature: "input,dim?,descending?,stable?",
        run: |s, a| {
            let x = a.node(s, "input")?;
            let axis = a.dim_or(s, "dim", -1, s.graph.shape(x).len())?;
            let descending = a.bool_or(s, "descending", false)?;
            let (values, indices) = sorted(s, x, axis, descending)?;
            let (values, indices) = (s.tensor(Ok(values))?, s.tensor(Ok(indices))?);
            pair(s, values, indices)
        },
    },
    Builtin {
        name: "argsort",
        places: TM,
        signature: "input,dim?,descending?,stable?",
        run: |s, a| {
            let x = a.node(s, "input")?;
            let axis = a.dim_or(s, "dim", -1, s.graph.shape(x).len())?;
            let descending = a.bool_or(s, "descending", false)?;
            let (_, indices) = sorted(s, x, axis, descending)?;
            s.tensor(Ok(indices))
        },
    },
    Builtin {
        name: "topk",
        places: TM,
        signature: "input,k,dim?,largest?,sorted?",
        run: |s, a| {
            let x = a.node(s, "input")?;
            let axis = a.dim_or(s, "dim", -1, s.graph.shape(x).len())?;
            let k = a.size(s, "k")?;
            let largest = a.bool_or(s, "largest", true)?;
            if k > s.graph.shape(x)[axis] {
                return s.raise(
                    "RuntimeError",
                    format!("topk(): k={k} exceeds the dimension's size {}", s.graph.shape(x)[axis]),
                );
            }
            let (values, indices) = sorted(s, x, axis, largest)?;
            let made = s.graph.slice(values, axis, 0, k, 1);
            let values = s.tensor(made)?;
            let made = s.graph.slice(indices, axis, 0, k, 1);
            let indices = s.tensor(made)?;
            pair(s, values, indices)
        },
    },
    Builtin {
        name: "scatter_add",
        places: TM,
        signature: "input,dim,index,src",
        run: |s, a| {
            let (x, index) = (a.node(s, "input")?, a.node(s, "index")?);
            let axis = a.dim(s, "dim", s.graph.shape(x).len())?;
            let src = source(s, a, index, s.graph.dtype(x))?;
            let made = s.graph.apply(Op::ScatterAdd(axis), &[x, index, src]);
            s.tensor(made)
        },
    },
    Builtin {
        name: "scatter",
        places: TM,
        signature: "input,dim,index,src|value,reduce?",
        run: |s, a| {
            // base * (1 - hit) + sum of what is scattered: exact where no index repeats, refused where one may.
            let (x, index) = (a.node(s, "input")?, a.node(s, "index")?);
            if a.opt("reduce").is_some() {
                return s.unsupported("scatter() with reduce is not supported; use scatter_add");
            }
            let axis = a.dim(s, "dim", s.graph.shape(x).len())?;
            let dtype = s.graph.dtype(x);
            let scalar = !matches!(a.value("src"), Value::Tensor(_));
            if !scalar && !distinct(s, index, axis) {
                return s.unsupported("scatter() of a tensor by indices that may repeat is not supported; use scatter_add or a scalar value");
            }
            let x = super::reduce::cast(s, x, DType::F32)?;
            let src = source(s, a, index, DType::F32)?;
            let shape = s.graph.shape(x).to_vec();
            let zero = {
                let m = s.graph.full(&shape, 0.0, DType::F32);
                s.made(m)?
            };
            let wanted = s.graph.shape(index).to_vec();
            let ones = {
                let m = s.graph.full(&wanted, 1.0, DType::F32);
                s.made(m)?
            };
            let hits = {
                let m = s.graph.apply(Op::ScatterAdd(axis), &[zero, index, ones]);
                s.made(m)?
            };
            let none = {
                let m = s.graph.full(&[], 0.0, DType::F32);
                s.made(m)?
            };
            let hit = {
                let m = s.graph.compare(Compare::Gt, hits, none);
                s.made(m)?
            };
            let made = match scalar {
                true => {
                    let value = s.node_of(a.value("src"), DType::F32)?;
                    s.graph.select(hit, value, x)
                }
                false => {
                    let moved = {
                        let m = s.graph.apply(Op::ScatterAdd(axis), &[zero, index, src]);
                        s.made(m)?
                    };
                    s.graph.select(hit, moved, x)
                }
            };
            let node = s.made(made)?;
            let node = super::reduce::cast(s, node, dtype)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "index_add",
        places: TM,
        signature: "input,dim,index,source,*,alpha?",
        run: |s, a| {
            let (x, index) = (a.node(s, "input")?, a.node(s, "index")?);
            let axis = a.dim(s, "dim", s.graph.shape(x).len())?;
            let src = match a.opt("alpha") {
                Some(alpha) => s.arithmetic(Binary::Mul, a.value("source"), alpha)?,
                None => a.value("source").clone(),
            };
            let src = s.node_of(&src, s.graph.dtype(x))?;
            let made = s.graph.apply(Op::IndexAdd(axis), &[x, index, src]);
            s.tensor(made)
        },
    },
    Builtin {
        name: "index_copy",
        places: TM,
        signature: "input,dim,index,value",
        run: |s, _| s.unsupported("index_copy() is not supported; use slice assignment or torch.where"),
    },
    Builtin {
        name: "one_hot",
        places: super::F,
        signature: "input|tensor,num_classes?",
        run: |s, a| {
            let index = a.node(s, "input")?;
            let n = a.int_or(s, "num_classes", -1)?;
            let Ok(n) = usize::try_from(n) else {
                return s.unsupported("one_hot() needs num_classes");
            };
            let mut shape = s.graph.shape(index).to_vec();
            shape.push(1);
            let made = s.graph.reshape(index, &shape);
            let index = s.made(made)?;
            let made = s.graph.arange(0.0, 1.0, n, DType::I64);
            let classes = s.made(made)?;
            let made = s.graph.compare(Compare::Eq, index, classes);
            let hot = s.made(made)?;
            let hot = super::reduce::cast(s, hot, DType::I64)?;
            s.tensor(Ok(hot))
        },
    },
    Builtin {
        name: "embedding",
        places: super::F,
        signature: "input,weight,padding_idx?",
        run: |s, a| {
            let (index, weight) = (a.node(s, "input")?, a.node(s, "weight")?);
            let node = embedding(s, index, weight)?;
            s.tensor(Ok(node))
        },
    },
];

/// Rows of `weight [N, D]` at `index [..]`: `[.., D]`.
pub fn embedding(s: &mut Interp<'_>, index: NodeId, weight: NodeId) -> Eval<NodeId> {
    let (mut shape, width) = (s.graph.shape(index).to_vec(), s.graph.shape(weight).last().copied().unwrap_or(1));
    if s.graph.dtype(index) != DType::I64 {
        return Err(s.fault(FindingKind::Type, "an embedding is indexed by integers").into());
    }
    let n = shape.iter().product();
    let made = s.graph.reshape(index, &[n]);
    let flat = s.made(made)?;
    let made = s.graph.apply(Op::IndexSelect(0), &[weight, flat]);
    let rows = s.made(made)?;
    shape.push(width);
    let made = s.graph.reshape(rows, &shape);
    s.made(made)
}

/// Whether each row of an index along an axis holds distinct entries, as far as is known.
fn distinct(s: &mut Interp<'_>, index: NodeId, axis: Axis) -> bool {
    if s.graph.shape(index)[axis] == 1 {
        return true;
    }
    let mut node = index;
    loop {
        match &s.graph.node(node).op {
            Op::Slice { .. } => node = s.graph.node(node).inputs[0],
            Op::ArgSort { axis: sorted, .. } => return *sorted == axis,
            _ => break,
        }
    }
    let shape = s.graph.shape(index).to_vec();
    let Some(values) = s.constant(index) else { return false };
    let inner: usize = shape[axis + 1..].iter().product();
    let mut seen = std::collections::HashSet::new();
    values.iter().enumerate().all(|(i, v)| seen.insert((i / inner / shape[axis], i % inner, v.to_bits())))
}

fn source(s: &mut Interp<'_>, a: &Args, index: NodeId, dtype: DType) -> Eval<NodeId> {
    let mut src = s.node_of(a.value("src"), dtype)?;
    let wanted = s.graph.shape(index).to_vec();
    let shape = s.graph.shape(src).to_vec();
    if shape.is_empty() {
        let made = s.graph.expand(src, &wanted);
        return s.made(made);
    }
    if shape.len() == wanted.len() {
        for (axis, &len) in wanted.iter().enumerate() {
            if len < shape[axis] {
                let made = s.graph.slice(src, axis, 0, len, 1);
                src = s.made(made)?;
            }
        }
    }
    Ok(src)
}

fn sorted(s: &mut Interp<'_>, x: NodeId, axis: Axis, descending: bool) -> Eval<(NodeId, NodeId)> {
    let made = s.graph.apply(Op::ArgSort { axis, descending }, &[x]);
    let order = s.made(made)?;
    let made = s.graph.apply(Op::Gather(axis), &[x, order]);
    Ok((s.made(made)?, order))
}

/// What `max`, `sort` and `topk` return; the names `values` and `indices` are understood by attribute access.
pub fn pair(_: &mut Interp<'_>, values: Value, indices: Value) -> Eval<Value> {
    Ok(Value::tuple(vec![values, indices]))
}
