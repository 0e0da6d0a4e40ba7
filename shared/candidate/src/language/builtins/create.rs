//! New tensors: constants, ranges, masks, random numbers.

use std::rc::Rc;

use super::{Args, Builtin, METHOD, TORCH};
use crate::finding::FindingKind;
use crate::ir::{Compare, DType, Distribution, NodeId, Op};
use crate::language::interp::{Eval, Interp};
use crate::language::number::number;
use crate::language::tensor::{Layout, Role, Tensor};
use crate::language::value::{Instance, Phase, Value};

const TM: u32 = TORCH | METHOD;
const NEW: &str = "input,*size,*,dtype?,device?,requires_grad?,layout?";

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "zeros",
        places: TORCH,
        signature: "*size,dtype?,device?,requires_grad?,layout?,pin_memory?",
        run: |s, a| sized(s, a, 0.0),
    },
    Builtin {
        name: "ones",
        places: TORCH,
        signature: "*size,dtype?,device?,requires_grad?,layout?,pin_memory?",
        run: |s, a| sized(s, a, 1.0),
    },
    Builtin {
        name: "empty",
        places: TORCH,
        signature: "*size,dtype?,device?,requires_grad?,layout?,pin_memory?,memory_format?",
        run: |s, a| {
            if s.phase == Phase::Forward {
                s.note("torch.empty is read as zeros");
            }
            sized(s, a, 0.0)
        },
    },
    Builtin {
        name: "full",
        places: TORCH,
        signature: "size,fill_value,*,dtype?,device?,requires_grad?,layout?",
        run: |s, a| {
            let mut size = Vec::new();
            for n in a.ints(s, "size")? {
                size.push(a.size_of(s, n)?);
            }
            let dtype = match (a.dtype(s)?, a.value("fill_value")) {
                (Some(dtype), _) => dtype,
                (None, Value::Bool(_)) => DType::Bool,
                (None, Value::Int(_)) => DType::I64,
                _ => DType::F32,
            };
            filled_with(s, &size, a.value("fill_value"), dtype)
        },
    },
    Builtin {
        name: "zeros_like",
        places: TORCH,
        signature: "input,*,dtype?,device?,requires_grad?,layout?,memory_format?",
        run: |s, a| like(s, a, 0.0),
    },
    Builtin {
        name: "ones_like",
        places: TORCH,
        signature: "input,*,dtype?,device?,requires_grad?,layout?,memory_format?",
        run: |s, a| like(s, a, 1.0),
    },
    Builtin {
        name: "empty_like",
        places: TORCH,
        signature: "input,*,dtype?,device?,requires_grad?,layout?,memory_format?",
        run: |s, a| like(s, a, 0.0),
    },
    Builtin {
        name: "full_like",
        places: TORCH,
        signature: "input,fill_value,*,dtype?,device?,memory_format?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let (dims, own) = (s.dims(&x)?, s.dtype(&x)?);
            let dtype = a.dtype(s)?.unwrap_or(own);
            filled_with(s, &dims, a.value("fill_value"), dtype)
        },
    },
    Builtin { name: "new_zeros", places: METHOD, signature: NEW, run: |s, a| new(s, a, 0.0) },
    Builtin { name: "new_ones", places: METHOD, signature: NEW, run: |s, a| new(s, a, 1.0) },
    Builtin { name: "new_empty", places: METHOD, signature: NEW, run: |s, a| new(s, a, 0.0) },
    Builtin {
        name: "new_full",
        places: METHOD,
        signature: "input,size,fill_value,*,dtype?,device?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let own = s.dtype(&x)?;
            let dtype = a.dtype(s)?.unwrap_or(own);
            let mut size = Vec::new();
            for n in a.ints(s, "size")? {
                size.push(a.size_of(s, n)?);
            }
            filled_with(s, &size, a.value("fill_value"), dtype)
        },
    },
    Builtin {
        name: "new_tensor",
        places: METHOD,
        signature: "input,data,*,dtype?,device?,requires_grad?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let own = s.dtype(&x)?;
            let dtype = a.dtype(s)?.unwrap_or(own);
            literal(s, a.value("data"), Some(dtype))
        },
    },
    Builtin {
        name: "tensor|as_tensor",
        places: TORCH,
        signature: "data,dtype?,device?,requires_grad?",
        run: |s, a| {
            let dtype = a.dtype(s)?;
            if let Value::Tensor(x) = a.value("data") {
                let node = s.read(x)?;
                let node = super::reduce::cast(s, node, dtype.unwrap_or(s.graph.dtype(node)))?;
                return s.tensor(Ok(node));
            }
            literal(s, a.value("data"), dtype)
        },
    },
    Builtin {
        name: "scalar_tensor",
        places: TORCH,
        signature: "data,*,dtype?,device?",
        run: |s, a| {
            let dtype = a.dtype(s)?.unwrap_or(DType::F32);
            literal(s, a.value("data"), Some(dtype))
        },
    },
    Builtin {
        name: "arange|range",
        places: TORCH,
        signature: "start,end?,step?,*,dtype?,device?,requires_grad?,layout?",
        run: |s, a| {
            let (first, second) = (a.value("start").clone(), a.opt("end").cloned());
            let (start, end) = match second {
                Some(end) => (first, end),
                None => (Value::Int(0), first),
            };
            let step = a.opt("step").cloned().unwrap_or(Value::Int(1));
            let whole =
                [&start, &end, &step].iter().all(|v| matches!(v, Value::Int(_) | Value::Bool(_) | Value::Tensor(_)));
            let dtype = a.dtype(s)?.unwrap_or(if whole { DType::I64 } else { DType::F32 });
            let (start, end, step) =
                (s.scalar_of(&start, "a bound")?, s.scalar_of(&end, "a bound")?, s.scalar_of(&step, "a step")?);
            if step == 0.0 || (end - start) / step < 0.0 {
                return s.raise("RuntimeError", "arange(): the step must be non-zero and lead from start to end");
            }
            let len = ((end - start) / step).ceil();
            if len.is_nan() || len > s.limits.elements as f64 {
                return Err(s.fault(FindingKind::Limit, format!("arange() of {len} elements")).into());
            }
            let made = s.graph.arange(start, step, len as usize, dtype);
            s.tensor(made)
        },
    },
    Builtin {
        name: "linspace",
        places: TORCH,
        signature: "start,end,steps,*,dtype?,device?,requires_grad?",
        run: |s, a| {
            let (start, end, n) = (a.float(s, "start")?, a.float(s, "end")?, a.size(s, "steps")?);
            let step = if n > 1 { (end - start) / (n - 1) as f64 } else { 0.0 };
            let made = s.graph.arange(start, step, n, DType::F32);
            s.tensor(made)
        },
    },
    Builtin {
        name: "logspace",
        places: TORCH,
        signature: "start,end,steps,base?,*,dtype?,device?",
        run: |s, a| {
            let (start, end, n) = (a.float(s, "start")?, a.float(s, "end")?, a.size(s, "steps")?);
            let base = a.float_or(s, "base", 10.0)?;
            s.length(n, "tensor")?;
            let step = if n > 1 { (end - start) / (n - 1) as f64 } else { 0.0 };
            let data = (0..n).map(|i| base.powf(start + i as f64 * step)).collect();
            let made = s.graph.literal(&[n], data, DType::F32);
            s.tensor(made)
        },
    },
    Builtin {
        name: "eye",
        places: TORCH,
        signature: "n,m?,*,dtype?,device?,requires_grad?",
        run: |s, a| {
            let n = a.size(s, "n")?;
            let m = a.size_or(s, "m", n)?;
            let dtype = a.dtype(s)?.unwrap_or(DType::F32);
            let node = band(s, n, m, 0)?;
            let node = super::reduce::cast(s, node, dtype)?;
            s.tensor(Ok(node))
        },
    },
    Builtin { name: "tril", places: TM, signature: "input,diagonal?", run: |s, a| triangle(s, a, Compare::Le) },
    Builtin { name: "triu", places: TM, signature: "input,diagonal?", run: |s, a| triangle(s, a, Compare::Ge) },
    Builtin {
        name: "tril_indices",
        places: TORCH,
        signature: "row,col,offset?,*,dtype?,device?",
        run: |s, a| indices(s, a, true),
    },
    Builtin {
        name: "triu_indices",
        places: TORCH,
        signature: "row,col,offset?,*,dtype?,device?",
        run: |s, a| indices(s, a, false),
    },
    Builtin {
        name: "meshgrid",
        places: TORCH,
        signature: "*tensors,indexing?",
        run: |s, a| {
            if &*a.string_or(s, "indexing", "ij")? != "ij" {
                return s.unsupported("meshgrid() supports indexing='ij'");
            }
            let values = match &a.rest[..] {
                [list @ (Value::List(_) | Value::Tuple(_))] => s.iterate(list)?,
                values => values.to_vec(),
            };
            let mut nodes = Vec::new();
            for value in &values {
                let Value::Tensor(t) = value else { return s.type_error("meshgrid() needs tensors") };
                nodes.push(s.read(t)?);
            }
            let shape: Vec<usize> = nodes.iter().map(|&n| s.graph.node(n).elements()).collect();
            let mut out = Vec::new();
            for (i, node) in nodes.into_iter().enumerate() {
                let mut thin = vec![1; shape.len()];
                thin[i] = shape[i];
                let made = s.graph.reshape(node, &thin).and_then(|n| s.graph.expand(n, &shape));
                out.push(s.tensor(made)?);
            }
            Ok(Value::tuple(out))
        },
    },
    Builtin {
        name: "randn",
        places: TORCH,
        signature: "*size,dtype?,device?,requires_grad?,generator?",
        run: |s, a| {
            let size = a.rest_sizes(s)?;
            let node = random(s, &size, Distribution::Normal)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "rand",
        places: TORCH,
        signature: "*size,dtype?,device?,requires_grad?,generator?",
        run: |s, a| {
            let size = a.rest_sizes(s)?;
            let node = random(s, &size, Distribution::Uniform)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "randn_like",
        places: TORCH,
        signature: "input,*,dtype?,device?,requires_grad?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let node = random(s, &dims, Distribution::Normal)?;
            s.tensor(Ok(node))
        },
    },
    Builtin {
        name: "rand_like",
        places: TORCH,
        signature: "input,*,dtype?,device?,requires_grad?",
        run: |s, a| {
            let x = a.tensor(s, "input")?;
            let dims = s.dims(&x)?;
            let node = random(s, &dims, Distribution::Uniform)?;
            s.tensor(Ok(node))
        },
    },
    Builtin { name: "manual_seed", places: TORCH, signature: "seed", run: |_, _| Ok(Value::None) },
    Builtin {
        name: "finfo|iinfo",
        places: TORCH,
        signature: "type?",
        run: |s, a| {
            // Floats are computed in single precision whatever they are called, integers in 64 bits.
            let integer = matches!(a.value("type"), Value::DType(name) if !name.contains("float"));
            let class = s.classes["finfo"].clone();
            let info = Instance { class, attrs: Default::default(), buffers: Default::default(), born: s.phase };
            if integer {
                info.set("min", Value::Int(i64::MIN));
                info.set("max", Value::Int(i64::MAX));
            } else {
                for (name, value) in
                    [("min", f32::MIN), ("max", f32::MAX), ("eps", f32::EPSILON), ("tiny", f32::MIN_POSITIVE)]
                {
                    info.set(name, Value::Float(f64::from(value)));
                }
            }
            Ok(Value::Instance(Rc::new(info)))
        },
    },
    Builtin {
        name: "is_tensor",
        places: TORCH,
        signature: "obj",
        run: |_, a| Ok(Value::Bool(matches!(a.value("obj"), Value::Tensor(_)))),
    },
    Builtin { name: "is_grad_enabled", places: TORCH, signature: "", run: |_, _| Ok(Value::Bool(true)) },
    Builtin { name: "is_autocast_enabled", places: TORCH, signature: "*rest", run: |_, _| Ok(Value::Bool(false)) },
    Builtin { name: "get_default_dtype", places: TORCH, signature: "", run: |_, _| Ok(Value::DType("float32")) },
    Builtin {
        name: "is_available|device_count|is_bf16_supported",
        places: super::CUDA,
        signature: "",
        run: |_, _| Ok(Value::Bool(false)),
    },
];

fn sized(s: &mut Interp<'_>, a: &Args, value: f64) -> Eval<Value> {
    let size = a.rest_sizes(s)?;
    let dtype = a.dtype(s)?.unwrap_or(DType::F32);
    let made = s.graph.full(&size, value, dtype);
    s.tensor(made)
}

fn like(s: &mut Interp<'_>, a: &Args, value: f64) -> Eval<Value> {
    let x = a.tensor(s, "input")?;
    let (dims, own) = (s.dims(&x)?, s.dtype(&x)?);
    let dtype = a.dtype(s)?.unwrap_or(own);
    let made = s.graph.full(&dims, value, dtype);
    s.tensor(made)
}

fn new(s: &mut Interp<'_>, a: &Args, value: f64) -> Eval<Value> {
    let x = a.tensor(s, "input")?;
    let own = s.dtype(&x)?;
    let dtype = a.dtype(s)?.unwrap_or(own);
    let size = a.rest_sizes(s)?;
    let made = s.graph.full(&size, value, dtype);
    s.tensor(made)
}

fn filled_with(s: &mut Interp<'_>, size: &[usize], value: &Value, dtype: DType) -> Eval<Value> {
    let node = s.node_of(value, dtype)?;
    if let (Some(x), Value::Bool(_) | Value::Int(_) | Value::Float(_)) = (number(value), value) {
        let x = crate::ir::eval::cast(x, dtype);
        let made = s.graph.full(size, x, dtype);
        return s.tensor(made);
    }
    let made = s.graph.reshape(node, &[]).and_then(|n| s.graph.expand(n, size));
    s.tensor(made)
}

/// A tensor of Python numbers, possibly nested.
pub fn literal(s: &mut Interp<'_>, data: &Value, dtype: Option<DType>) -> Eval<Value> {
    let (mut shape, mut numbers, mut kind) = (Vec::new(), Vec::new(), DType::Bool);
    let mut nodes = false;
    flatten(s, data, 0, &mut shape, &mut numbers, &mut kind, &mut nodes)?;
    if nodes {
        return Err(s
            .fault(FindingKind::Unsupported, "torch.tensor of tensors would cut their gradients")
            .hint("use torch.stack")
            .into());
    }
    if numbers.is_empty() {
        kind = DType::F32;
    }
    if numbers.len() != shape.iter().product::<usize>() {
        return s.value_error("torch.tensor(): the nested lists have different lengths");
    }
    let dtype = dtype.unwrap_or(kind);
    let numbers: Vec<f64> = numbers.into_iter().map(|x| crate::ir::eval::cast(x, dtype)).collect();
    let made = match numbers[..] {
        [x] if shape.is_empty() => s.graph.full(&[], x, dtype),
        _ => s.graph.literal(&shape, numbers, dtype),
    };
    s.tensor(made)
}

fn flatten(
    s: &mut Interp<'_>,
    data: &Value,
    depth: usize,
    shape: &mut Vec<usize>,
    numbers: &mut Vec<f64>,
    kind: &mut DType,
    nodes: &mut bool,
) -> Eval<()> {
    match data {
        Value::List(_) | Value::Tuple(_) | Value::Range(..) => {
            let items = s.iterate(data)?;
            match shape.get(depth) {
                None => shape.push(items.len()),
                Some(&n) if n != items.len() => {
                    return s.value_error("torch.tensor(): the nested lists have different lengths");
                }
                Some(_) => {}
            }
            items.iter().try_for_each(|item| s.deeper(|s| flatten(s, item, depth + 1, shape, numbers, kind, nodes)))
        }
        Value::Tensor(_) => {
            let x = match s.scalar_of(data, "an element") {
                Ok(x) => x,
                Err(_) => {
                    *nodes = true;
                    0.0
                }
            };
            *kind = DType::F32;
            numbers.push(x);
            Ok(())
        }
        other => {
            let Some(x) = number(other) else {
                return s.type_error(format!("torch.tensor() of {}", other.kind()));
            };
            *kind = match (other, *kind) {
                (Value::Float(_), _) | (_, DType::F32) => DType::F32,
                (Value::Int(_), _) | (_, DType::I64) => DType::I64,
                _ => DType::Bool,
            };
            numbers.push(x);
            s.length(numbers.len(), "tensor literal")
        }
    }
}

/// Column minus row, `[n, m]`, I64.
fn offsets(s: &mut Interp<'_>, n: usize, m: usize) -> Eval<NodeId> {
    let made = s.graph.arange(0.0, 1.0, n, DType::I64).and_then(|r| s.graph.reshape(r, &[n, 1]));
    let rows = s.made(made)?;
    let made = s.graph.arange(0.0, 1.0, m, DType::I64);
    let columns = s.made(made)?;
    let made = s.graph.sub(columns, rows);
    s.made(made)
}

fn compared(s: &mut Interp<'_>, n: usize, m: usize, compare: Compare, diagonal: i64) -> Eval<NodeId> {
    let offsets = offsets(s, n, m)?;
    let made = s.graph.full(&[], diagonal as f64, DType::I64);
    let limit = s.made(made)?;
    let made = s.graph.compare(compare, offsets, limit);
    s.made(made)
}

/// Whether `column - row == offset`, `[n, m]`.
pub fn band(s: &mut Interp<'_>, n: usize, m: usize, offset: i64) -> Eval<NodeId> {
    compared(s, n, m, Compare::Eq, offset)
}

/// Whether `column - row <= diagonal`, `[n, m]`.
pub fn lower(s: &mut Interp<'_>, n: usize, m: usize, diagonal: i64) -> Eval<NodeId> {
    compared(s, n, m, Compare::Le, diagonal)
}

fn triangle(s: &mut Interp<'_>, a: &Args, compare: Compare) -> Eval<Value> {
    let x = a.node(s, "input")?;
    let diagonal = a.int_or(s, "diagonal", 0)?;
    let shape = s.graph.shape(x).to_vec();
    let [.., n, m] = shape[..] else {
        return s.raise("RuntimeError", "tril() and triu() need at least 2 dimensions");
    };
    let mask = compared(s, n, m, compare, diagonal)?;
    let dtype = s.graph.dtype(x);
    let made = match dtype {
        DType::Bool => s.graph.binary(crate::ir::Binary::And, x, mask),
        _ => s.graph.full(&[], 0.0, dtype).and_then(|zero| s.graph.select(mask, x, zero)),
    };
    s.tensor(made)
}

fn indices(s: &mut Interp<'_>, a: &Args, lower: bool) -> Eval<Value> {
    let (n, m, offset) = (a.size(s, "row")?, a.size(s, "col")?, a.int_or(s, "offset", 0)?);
    s.length(n.saturating_mul(m), "index tensor")?;
    let inside = |i: usize, j: usize| {
        let d = j as i64 - i as i64;
        if lower { d <= offset } else { d >= offset }
    };
    let hits: Vec<(usize, usize)> =
        (0..n).flat_map(|i| (0..m).map(move |j| (i, j))).filter(|&(i, j)| inside(i, j)).collect();
    let data = hits.iter().map(|h| h.0 as f64).chain(hits.iter().map(|h| h.1 as f64)).collect();
    let made = s.graph.literal(&[2, hits.len()], data, DType::I64);
    s.tensor(made)
}

/// A random leaf; allowed while the module is constructed.
pub fn random(s: &mut Interp<'_>, size: &[usize], distribution: Distribution) -> Eval<NodeId> {
    if s.phase == Phase::Forward {
        return Err(s
            .fault(
                FindingKind::Unsupported,
                "random numbers in forward: the output would not be a function of the input",
            )
            .hint("draw them in __init__ and keep them as a parameter or buffer")
            .into());
    }
    let stream = s.stream();
    let made = s.graph.push(Op::Random { distribution, stream }, &[], (size, DType::F32));
    s.made(made)
}

/// A parameter that shares no memory with its initial value.
pub fn parameter(s: &mut Interp<'_>, node: NodeId, requires_grad: bool) -> Value {
    let tensor = Tensor::fresh(node, Layout::Contiguous);
    tensor.storage.role.set(Role::Parameter(requires_grad && s.graph.dtype(node) == DType::F32));
    Value::Tensor(tensor)
}
