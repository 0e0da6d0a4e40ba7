//! Tensors from values and sizes.

use std::rc::Rc;

use super::{Args, Builtin, METHOD, TORCH};
use crate::finding::FindingKind;
use crate::ir::{DType, NodeId};
use crate::language::interp::{Eval, Interp};
use crate::language::number::number;
use crate::language::tensor::{Layout, Role, Tensor};
use crate::language::value::{Instance, Phase, Value};

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
        run: |s, _| Ok(Value::Bool(s.accelerated)),
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

pub(super) fn new(s: &mut Interp<'_>, a: &Args, value: f64) -> Eval<Value> {
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
    if nodes && s.phase == Phase::Construct {
        return gathered(s, data);
    }
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

/// Numbers that random draws and the like decide, as a first value.
fn gathered(s: &mut Interp<'_>, data: &Value) -> Eval<Value> {
    match data {
        Value::List(_) | Value::Tuple(_) => {
            let items = s.iterate(data)?;
            let rows = items.iter().map(|v| s.deeper(|s| gathered(s, v))).collect::<Eval<Vec<_>>>()?;
            let rows = s.list(rows)?;
            let stack = super::find(super::TORCH, "stack").expect("in the table");
            s.call(&Value::Native(stack), vec![rows], vec![])
        }
        Value::Tensor(t) => {
            let node = s.read(t)?;
            let made = s.graph.cast(node, DType::F32);
            s.tensor(made)
        }
        other => literal(s, other, Some(DType::F32)),
    }
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

/// A parameter that shares no memory with its initial value.
pub fn parameter(s: &mut Interp<'_>, node: NodeId, requires_grad: bool) -> Value {
    let tensor = Tensor::fresh(node, Layout::Contiguous);
    tensor.storage.role.set(Role::Parameter(requires_grad && s.graph.dtype(node) == DType::F32));
    Value::Tensor(tensor)
}
