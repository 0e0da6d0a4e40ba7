//! Functions that move elements: views, joins, repeats, padding.

use std::rc::Rc;

use super::args::axis;
use super::{Args, Builtin, F, METHOD, TORCH};
use crate::finding::FindingKind;
use crate::ir::{Axis, DType, Op, Unary};
use crate::language::interp::{Eval, Interp};
use crate::language::tensor::{Layout, Tensor, View};
use crate::language::value::{Value, dtype_of};

const TM: u32 = TORCH | METHOD;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "view",
        places: METHOD,
        signature: "input,*shape",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            if let [Value::DType(name)] = a.rest[..] {
                return s.unsupported(format!("view() as {name} reinterprets bits"));
            }
            let sizes = a.rest_ints(s)?;
            s.reshape(&x, &sizes, true)
        },
    },
    Builtin {
        name: "reshape",
        places: METHOD,
        signature: "input,*shape",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let sizes = a.rest_ints(s)?;
            s.reshape(&x, &sizes, false)
        },
    },
    Builtin {
        name: "reshape",
        places: TORCH,
        signature: "input,shape",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let sizes = a.ints(s, "shape")?;
            s.reshape(&x, &sizes, false)
        },
    },
    Builtin {
        name: "view_as|reshape_as",
        places: METHOD,
        signature: "input,other",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let other = a.tensor(s, "other")?;
            let sizes: Vec<i64> = s.dims(&other)?.into_iter().map(|d| d as i64).collect();
            s.reshape(&x, &sizes, false)
        },
    },
    Builtin {
        name: "flatten",
        places: TM,
        signature: "input,start_dim?,end_dim?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            if dims.is_empty() {
                return s.reshape(&x, &[1], false);
            }
            let (start, end) = (a.dim_or(s, "start_dim", 0, dims.len())?, a.dim_or(s, "end_dim", -1, dims.len())?);
            if start > end {
                return s.raise("RuntimeError", "flatten(): start_dim is after end_dim");
            }
            let merged: usize = dims[start..=end].iter().product();
            let sizes: Vec<i64> =
                [&dims[..start], &[merged], &dims[end + 1..]].concat().into_iter().map(|d| d as i64).collect();
            s.reshape(&x, &sizes, false)
        },
    },
    Builtin {
        name: "unflatten",
        places: TM,
        signature: "input,dim,sizes",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let dim = a.dim(s, "dim", dims.len())?;
            let mut sizes: Vec<i64> = dims[..dim].iter().map(|&d| d as i64).collect();
            let mut inner = a.ints(s, "sizes")?;
            infer_size(s, &mut inner, dims[dim])?;
            sizes.extend(inner);
            sizes.extend(dims[dim + 1..].iter().map(|&d| d as i64));
            s.reshape(&x, &sizes, true)
        },
    },
    Builtin {
        name: "ravel",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            s.reshape(&x, &[-1], false)
        },
    },
    Builtin {
        name: "transpose|swapaxes|swapdims",
        places: TM,
        signature: "input,dim0|axis0,dim1|axis1",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let rank = s.dims(&x)?.len();
            let (p, q) = (a.dim(s, "dim0", rank)?, a.dim(s, "dim1", rank)?);
            let mut perm: Vec<_> = (0..rank).collect();
            perm.swap(p, q);
            s.permuted(&x, perm).map(Value::Tensor)
        },
    },
    Builtin {
        name: "t",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            match s.dims(&x)?.len() {
                0 | 1 => Ok(Value::Tensor(x)),
                2 => s.permuted(&x, vec![1, 0]).map(Value::Tensor),
                rank => s.raise(
                    "RuntimeError",
                    format!("t() and .T need at most 2 dimensions, got {rank}; use .mT or .transpose(-1, -2)"),
                ),
            }
        },
    },
    Builtin {
        name: "mT",
        places: METHOD,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let rank = s.dims(&x)?.len();
            if rank < 2 {
                return s.raise("RuntimeError", "mT needs at least 2 dimensions");
            }
            let mut perm: Vec<_> = (0..rank).collect();
            perm.swap(rank - 1, rank - 2);
            s.permuted(&x, perm).map(Value::Tensor)
        },
    },
    Builtin {
        name: "permute",
        places: METHOD,
        signature: "input,*dims",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = a.rest_ints(s)?;
            permute(s, &x, &dims)
        },
    },
    Builtin {
        name: "permute",
        places: TORCH,
        signature: "input,dims",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = a.ints(s, "dims")?;
            permute(s, &x, &dims)
        },
    },
    Builtin {
        name: "movedim|moveaxis",
        places: TM,
        signature: "input,source,destination",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let rank = s.dims(&x)?.len();
            let (from, to) = (a.ints(s, "source")?, a.ints(s, "destination")?);
            let from: Vec<_> = from.into_iter().map(|d| axis(s, d, rank)).collect::<Eval<_>>()?;
            let to: Vec<_> = to.into_iter().map(|d| axis(s, d, rank)).collect::<Eval<_>>()?;
            let mut rest = (0..rank).filter(|d| !from.contains(d));
            let perm: Vec<Axis> = (0..rank)
                .map(|i| match to.iter().position(|&t| t == i) {
                    Some(k) => from.get(k).copied().unwrap_or(0),
                    None => rest.next().unwrap_or(0),
                })
                .collect();
            s.permuted(&x, perm).map(Value::Tensor)
        },
    },
    Builtin {
        name: "unsqueeze",
        places: TM,
        signature: "input,dim",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let mut dims = s.dims(&x)?;
            let dim = a.dim(s, "dim", dims.len() + 1)?;
            dims.insert(dim, 1);
            let layout = x.layout;
            s.view(&x, View::Reshape(dims), layout).map(Value::Tensor)
        },
    },
    Builtin {
        name: "squeeze",
        places: TM,
        signature: "input,dim?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let drop: Vec<Axis> = a.dims(s, "dim", dims.len())?;
            let kept: Vec<usize> =
                dims.iter().enumerate().filter(|(i, d)| **d != 1 || !drop.contains(i)).map(|(_, &d)| d).collect();
            let layout = x.layout;
            s.view(&x, View::Reshape(kept), layout).map(Value::Tensor)
        },
    },
    Builtin {
        name: "expand",
        places: METHOD,
        signature: "input,*size",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let sizes = a.rest_ints(s)?;
            expand(s, &x, &sizes)
        },
    },
    Builtin {
        name: "expand_as",
        places: METHOD,
        signature: "input,other",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let other = a.tensor(s, "other")?;
            let sizes: Vec<i64> = s.dims(&other)?.into_iter().map(|d| d as i64).collect();
            expand(s, &x, &sizes)
        },
    },
    Builtin {
        name: "broadcast_to",
        places: TM,
        signature: "input,size|shape",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let sizes = a.ints(s, "size")?;
            expand(s, &x, &sizes)
        },
    },
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
            let sizes: Vec<usize> = (0..n).map(|i| dims[axis] / n + usize::from(i < dims[axis] % n)).collect();
            s.length(n, "tuple")?;
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
        name: "contiguous",
        places: METHOD,
        signature: "input,memory_format?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            match x.layout {
                Layout::Contiguous => Ok(Value::Tensor(x)),
                Layout::Strided => copy(s, &x),
                Layout::Unknown => {
                    let node = s.read(&x)?;
                    Ok(Value::Tensor(Tensor::perhaps_view(&x, node)))
                }
            }
        },
    },
    Builtin {
        name: "clone",
        places: TM,
        signature: "input,*,memory_format?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            copy(s, &x)
        },
    },
    Builtin {
        name: "detach",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let node = s.read(&x)?;
            if !s.differentiable[node.index()] {
                return Ok(Value::Tensor(x.alias()));
            }
            let made = s.graph.unary(Unary::Detach, node);
            let node = s.made(made)?;
            Ok(Value::Tensor(Tensor::perhaps_view(&x, node)))
        },
    },
    Builtin { name: "float", places: METHOD, signature: "input", run: |s, a| to(s, a, DType::F32) },
    Builtin {
        name: "double",
        places: METHOD,
        signature: "input",
        run: |s, a| {
            s.note_dtype("float64");
            to(s, a, DType::F32)
        },
    },
    Builtin {
        name: "half|bfloat16",
        places: METHOD,
        signature: "input",
        run: |s, a| {
            s.note_dtype("bfloat16");
            to(s, a, DType::F32)
        },
    },
    Builtin { name: "long|int", places: METHOD, signature: "input", run: |s, a| to(s, a, DType::I64) },
    Builtin { name: "bool", places: METHOD, signature: "input", run: |s, a| to(s, a, DType::Bool) },
    Builtin {
        name: "type_as",
        places: METHOD,
        signature: "input,other",
        run: |s, a| {
            let other = a.tensor(s, "other")?;
            let dtype = s.dtype(&other)?;
            to(s, a, dtype)
        },
    },
    Builtin {
        name: "type",
        places: METHOD,
        signature: "input,dtype",
        run: |s, a| {
            let dtype = a.dtype(s)?.unwrap_or(DType::F32);
            to(s, a, dtype)
        },
    },
    Builtin {
        name: "to",
        places: METHOD,
        signature: "input,*rest,dtype?,device?,copy?,non_blocking?,memory_format?",
        run: |s, a| {
            let mut dtype = a.dtype(s)?;
            for value in &a.rest {
                match value {
                    Value::DType(name) => {
                        s.note_dtype(name);
                        dtype = Some(dtype_of(name));
                    }
                    Value::Tensor(other) => dtype = Some(s.dtype(other)?),
                    Value::Device | Value::Str(_) | Value::Bool(_) | Value::None => {}
                    other => {
                        return s.type_error(format!(
                            "to(): argument must be a dtype, device or tensor, not {}",
                            other.kind()
                        ));
                    }
                }
            }
            match dtype {
                Some(dtype) => to(s, a, dtype),
                None => Ok(a.value("input").clone()),
            }
        },
    },
    Builtin { name: "cuda|cpu", places: METHOD, signature: "input,**", run: |_, a| Ok(a.value("input").clone()) },
    Builtin {
        name: "size",
        places: METHOD,
        signature: "input,dim?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            match a.opt("dim") {
                None => Ok(Value::shape(&dims)),
                Some(_) => Ok(Value::Int(dims[a.dim(s, "dim", dims.len())?] as i64)),
            }
        },
    },
    Builtin {
        name: "dim|ndimension",
        places: METHOD,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            Ok(Value::Int(s.dims(&x)?.len() as i64))
        },
    },
    Builtin {
        name: "numel|nelement",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            Ok(Value::Int(s.dims(&x)?.iter().product::<usize>() as i64))
        },
    },
    Builtin {
        name: "is_contiguous",
        places: METHOD,
        signature: "input",
        run: |s, a| match a.tensor(s, "input")?.layout {
            Layout::Contiguous => Ok(Value::Bool(true)),
            Layout::Strided => Ok(Value::Bool(false)),
            Layout::Unknown => s.unsupported("is_contiguous() of this tensor is not known"),
        },
    },
    Builtin {
        name: "is_floating_point",
        places: TM,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            Ok(Value::Bool(s.dtype(&x)? == DType::F32))
        },
    },
    Builtin {
        name: "item",
        places: METHOD,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let value = s.scalar_of(a.value("input"), "item()")?;
            Ok(match s.dtype(&x)? {
                DType::F32 => Value::Float(value),
                DType::I64 => Value::Int(value as i64),
                DType::Bool => Value::Bool(value != 0.0),
            })
        },
    },
    Builtin {
        name: "tolist",
        places: METHOD,
        signature: "input",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            match dims.len() {
                0 => s.call_method(&Value::Tensor(x), "item", vec![]),
                _ => {
                    let rows = s.iterate(&Value::Tensor(x))?;
                    let rows = rows
                        .iter()
                        .map(|row| s.deeper(|s| s.call_method(row, "tolist", vec![])))
                        .collect::<Eval<_>>()?;
                    s.list(rows)
                }
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
    Builtin {
        name: "copy_",
        places: METHOD,
        signature: "input,src,non_blocking?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            s.write_value(&x, a.value("src"))?;
            Ok(Value::Tensor(x))
        },
    },
    Builtin {
        name: "requires_grad_",
        places: METHOD,
        signature: "input,requires_grad?",
        run: |s, a| {
            let on = a.bool_or(s, "requires_grad", true)?;
            s.set_attribute(a.value("input"), "requires_grad", Value::Bool(on))?;
            Ok(a.value("input").clone())
        },
    },
    Builtin { name: "element_size", places: METHOD, signature: "input", run: |_, _| Ok(Value::Int(4)) },
];

/// Fill in a `-1` among sizes.
fn infer_size(s: &mut Interp<'_>, sizes: &mut [i64], total: usize) -> Eval<()> {
    let known: i64 = sizes.iter().filter(|&&d| d != -1).try_fold(1i64, |n, &d| n.checked_mul(d)).unwrap_or(-2);
    match sizes.iter().filter(|&&d| d == -1).count() {
        0 => {}
        1 if known > 0 && total as i64 % known == 0 => {
            sizes.iter_mut().filter(|d| **d == -1).for_each(|d| *d = total as i64 / known);
        }
        1 => {
            let message = format!("cannot view {total} elements as {sizes:?}");
            return Err(s.fault(FindingKind::Shape, message).into());
        }
        _ => return s.raise("RuntimeError", "only one size may be -1"),
    }
    match sizes.iter().all(|&d| d >= 0) {
        true => Ok(()),
        false => s.raise("RuntimeError", format!("invalid sizes {sizes:?}")),
    }
}

impl Interp<'_> {
    /// `view` (always an alias) or `reshape` (an alias where memory allows).
    pub fn reshape(&mut self, x: &Rc<Tensor>, sizes: &[i64], view: bool) -> Eval<Value> {
        let node = self.read(x)?;
        let dims = self.graph.shape(node).to_vec();
        let mut sizes = sizes.to_vec();
        infer_size(self, &mut sizes, dims.iter().product())?;
        let shape: Vec<usize> = sizes.into_iter().map(|d| d as usize).collect();
        if shape == dims {
            return Ok(Value::Tensor(x.alias()));
        }
        if view || x.layout == Layout::Contiguous {
            if view && x.layout == Layout::Strided && !keeps_rows(&dims, &shape) {
                return Err(self
                    .fault(FindingKind::Type, "RuntimeError: view() of a tensor that is not contiguous")
                    .hint("use .reshape(..), or .contiguous().view(..)")
                    .into());
            }
            let layout = x.layout;
            return self.view(x, View::Reshape(shape), layout).map(Value::Tensor);
        }
        let made = self.graph.reshape(node, &shape);
        let made = self.made(made)?;
        Ok(Value::Tensor(Tensor::perhaps_view(x, made)))
    }

    /// A permuted view.
    pub fn permuted(&mut self, x: &Rc<Tensor>, perm: Vec<Axis>) -> Eval<Rc<Tensor>> {
        let dims = self.dims(x)?;
        // Axes of size 1 may move freely without changing the order in memory.
        let moved: Vec<Axis> = perm.iter().copied().filter(|&p| dims.get(p).is_some_and(|&d| d != 1)).collect();
        let layout = match (moved.windows(2).all(|w| w[0] < w[1]), x.layout) {
            (true, layout) => layout,
            (false, Layout::Contiguous) => Layout::Strided,
            (false, _) => Layout::Unknown,
        };
        self.view(x, View::Permute(perm), layout)
    }

    /// Nodes of tensors in their common dtype.
    pub fn common(&mut self, tensors: &[Rc<Tensor>]) -> Eval<Vec<crate::ir::NodeId>> {
        let mut nodes = Vec::new();
        let mut wanted = DType::Bool;
        for tensor in tensors {
            let node = self.read(tensor)?;
            wanted = match (wanted, self.graph.dtype(node)) {
                (DType::F32, _) | (_, DType::F32) => DType::F32,
                (DType::I64, _) | (_, DType::I64) => DType::I64,
                _ => DType::Bool,
            };
            nodes.push(node);
        }
        nodes.into_iter().map(|n| super::reduce::cast(self, n, wanted)).collect()
    }
}

/// Whether a reshape only splits axes or adds axes of size 1: possible as a view whatever the strides.
fn keeps_rows(from: &[usize], to: &[usize]) -> bool {
    let mut to = to.iter();
    from.iter().filter(|&&d| d != 1).all(|&d| {
        let mut n = 1;
        while n < d {
            match to.next() {
                Some(&t) => n *= t,
                None => return false,
            }
        }
        n == d
    }) && to.all(|&d| d == 1)
}

fn permute(s: &mut Interp<'_>, x: &Rc<Tensor>, dims: &[i64]) -> Eval<Value> {
    let rank = s.dims(x)?.len();
    let perm = dims.iter().map(|&d| axis(s, d, rank)).collect::<Eval<Vec<_>>>()?;
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    match sorted.iter().copied().eq(0..rank) {
        true => s.permuted(x, perm).map(Value::Tensor),
        false => s.raise("RuntimeError", format!("permute(): {dims:?} does not order the {rank} dimensions")),
    }
}

fn expand(s: &mut Interp<'_>, x: &Rc<Tensor>, sizes: &[i64]) -> Eval<Value> {
    let dims = s.dims(x)?;
    if sizes.len() < dims.len() {
        return s.raise(
            "RuntimeError",
            format!("expand(): {} sizes for a tensor of {} dimensions", sizes.len(), dims.len()),
        );
    }
    let lead = sizes.len() - dims.len();
    let mut shape = Vec::new();
    for (i, &size) in sizes.iter().enumerate() {
        shape.push(match usize::try_from(size) {
            Ok(size) => size,
            Err(_) if size == -1 && i >= lead => dims[i - lead],
            Err(_) => return s.raise("RuntimeError", format!("expand(): invalid size {size}")),
        });
    }
    s.view(x, View::Expand(shape), Layout::Unknown).map(Value::Tensor)
}

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

fn flip(s: &mut Interp<'_>, mut x: crate::ir::NodeId, dims: &[i64]) -> Eval<Value> {
    for &dim in dims {
        let dim = axis(s, dim, s.graph.shape(x).len())?;
        let made = s.graph.apply(Op::Flip(dim), &[x]);
        x = s.made(made)?;
    }
    s.tensor(Ok(x))
}

fn copy(s: &mut Interp<'_>, x: &Rc<Tensor>) -> Eval<Value> {
    let node = s.read(x)?;
    Ok(Value::Tensor(Tensor::fresh(node, x.layout)))
}

fn to(s: &mut Interp<'_>, a: &Args, dtype: DType) -> Eval<Value> {
    let x = a.tensor(s, "input")?;
    if s.dtype(&x)? == dtype {
        return Ok(Value::Tensor(x));
    }
    let node = s.read(&x)?;
    let made = s.graph.cast(node, dtype);
    let node = s.made(made)?;
    Ok(Value::Tensor(Tensor::fresh(node, x.layout)))
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
    let eye = super::create::band(s, m, m, offset)?;
    let eye = super::reduce::cast(s, eye, s.graph.dtype(x))?;
    let made = s.graph.mul(x, eye);
    s.tensor(made)
}
