//! Making parameters, and drawing them anew.

use super::create::parameter;
use super::init::{normal, uniform};
use super::module::object;
use super::{Args, Builtin, find};
use crate::finding::FindingKind;
use crate::ir::{DType, NodeId};
use crate::language::interp::{Eval, Interp};
use crate::language::tensor::{Role, Tensor};
use crate::language::value::{Instance, Value};

/// `reset_parameters` of linear maps and convolutions: uniform within one over the root of the inputs' number.
pub const RESET: Builtin = Builtin {
    name: "reset_parameters",
    places: 0,
    signature: "self",
    run: |s, a| {
        let this = object(s, a)?;
        let mut inner = 1;
        if let Some(Value::Tensor(weight)) = this.get("weight") {
            inner = s.dims(&weight)?.iter().skip(1).product::<usize>().max(1);
        }
        let bound = 1.0 / (inner as f64).sqrt();
        redrawn(s, &this, "weight", |s, shape| uniform(s, shape, -bound, bound))?;
        redrawn(s, &this, "bias", |s, shape| uniform(s, shape, -bound, bound))
    },
};

/// `reset_parameters` of norms: ones and zeros.
pub const RESET_NORM: Builtin = Builtin {
    name: "reset_parameters",
    places: 0,
    signature: "self",
    run: |s, a| {
        let this = object(s, a)?;
        for (name, value) in [("weight", 1.0), ("bias", 0.0)] {
            redrawn(s, &this, name, |s, shape| {
                let made = s.graph.full(shape, value, DType::F32);
                s.made(made)
            })?;
        }
        Ok(Value::None)
    },
};

/// `reset_parameters` of embeddings: standard normal.
pub const RESET_EMBEDDING: Builtin = Builtin {
    name: "reset_parameters",
    places: 0,
    signature: "self",
    run: |s, a| {
        let this = object(s, a)?;
        redrawn(s, &this, "weight", |s, shape| normal(s, shape, 0.0, 1.0))
    },
};

fn redrawn(
    s: &mut Interp<'_>,
    this: &Instance,
    name: &str,
    draw: impl FnOnce(&mut Interp<'_>, &[usize]) -> Eval<NodeId>,
) -> Eval<Value> {
    if let Some(Value::Tensor(tensor)) = this.get(name) {
        let shape = s.dims(&tensor)?;
        let node = draw(s, &shape)?;
        s.write_in_place(&tensor, node)?;
    }
    Ok(Value::None)
}

/// `nn.Parameter(data, requires_grad=True)`.
pub fn make_parameter(s: &mut Interp<'_>, args: Vec<Value>, named: Vec<(String, Value)>) -> Eval<Value> {
    static PARAMETER: Builtin = Builtin {
        name: "Parameter",
        places: 0,
        signature: "data,requires_grad?",
        run: |s, a| {
            let on = a.bool_or(s, "requires_grad", true)?;
            if let Value::Complex(_) = a.value("data") {
                let view = find(super::TORCH, "view_as_real").expect("in the table");
                let x = s.call(&Value::Native(view), vec![a.value("data").clone()], vec![])?;
                let node = s.node_of_any(&x)?;
                let made = parameter(s, node, on);
                if let Value::Tensor(t) = &made {
                    t.storage.complex.set(true);
                }
                s.note("a complex parameter is kept as its real and imaginary parts, in a last axis of size 2");
                return Ok(made);
            }
            let x = a.tensor(s, "data")?;
            let node = s.read(&x)?;
            if on && s.graph.dtype(node) != DType::F32 {
                return s.raise("RuntimeError", "only floating point tensors can require gradients");
            }
            Ok(parameter(s, node, on))
        },
    };
    if s.phase == crate::language::value::Phase::Forward {
        return Err(s
            .fault(FindingKind::Unsupported, "a parameter made in forward would be new at every call")
            .hint("make it in __init__")
            .into());
    }
    s.call(&Value::Native(&PARAMETER), args, named)
}

/// `nn.Buffer(data, persistent=True)`.
pub fn make_buffer(s: &mut Interp<'_>, args: Vec<Value>, named: Vec<(String, Value)>) -> Eval<Value> {
    static BUFFER: Builtin = Builtin {
        name: "Buffer",
        places: 0,
        signature: "data,persistent?",
        run: |s, a| {
            let x = a.tensor(s, "data")?;
            let persistent = a.bool_or(s, "persistent", true)?;
            let node = s.read(&x)?;
            let buffer = Tensor::fresh(node, x.layout);
            buffer.storage.role.set(Role::Buffer { persistent });
            Ok(Value::Tensor(buffer))
        },
    };
    s.call(&Value::Native(&BUFFER), args, named)
}

pub fn bias(s: &mut Interp<'_>, a: &Args, this: &Instance, n: usize, bound: f64) -> Eval<Value> {
    let value = match a.bool_or(s, "bias", true)? {
        true => {
            let node = uniform(s, &[n], -bound, bound)?;
            parameter(s, node, true)
        }
        false => Value::None,
    };
    this.set("bias", value);
    Ok(Value::None)
}

pub fn constant_parameter(s: &mut Interp<'_>, dims: &[usize], value: f64, wanted: bool) -> Eval<Value> {
    if !wanted {
        return Ok(Value::None);
    }
    let made = s.graph.full(dims, value, DType::F32);
    let node = s.made(made)?;
    Ok(parameter(s, node, true))
}
