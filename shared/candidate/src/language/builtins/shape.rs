//! Views: the same memory in another shape or order.

use std::rc::Rc;

use super::args::axis;
use super::{Builtin, METHOD, TORCH};
use crate::finding::FindingKind;
use crate::ir::{Axis, DType};
use crate::language::interp::{Eval, Interp};
use crate::language::tensor::{Layout, Tensor, View};
use crate::language::value::Value;

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

pub(super) fn permute(s: &mut Interp<'_>, x: &Rc<Tensor>, dims: &[i64]) -> Eval<Value> {
    let rank = s.dims(x)?.len();
    let perm = dims.iter().map(|&d| axis(s, d, rank)).collect::<Eval<Vec<_>>>()?;
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    match sorted.iter().copied().eq(0..rank) {
        true => s.permuted(x, perm).map(Value::Tensor),
        false => s.raise("RuntimeError", format!("permute(): {dims:?} does not order the {rank} dimensions")),
    }
}

pub(super) fn expand(s: &mut Interp<'_>, x: &Rc<Tensor>, sizes: &[i64]) -> Eval<Value> {
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
