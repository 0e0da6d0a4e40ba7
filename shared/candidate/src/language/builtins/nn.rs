//! Layers with parameters of their own, initialised as in PyTorch.

use super::convolve::{conv_options, conv1d};
use super::create::parameter;
use super::init::{normal, uniform};
use super::module::object;
use super::modules::ModuleClass;
use super::norms::{group_norm, layer_norm, rms_norm, trailing_axes};
use super::parameters::{RESET, RESET_EMBEDDING, RESET_NORM, bias, constant_parameter};
use super::{Args, Builtin, F, find};
use crate::ir::NodeId;
use crate::language::interp::{Eval, Interp};
use crate::language::value::{Instance, Value};

pub const CLASSES: &[ModuleClass] = &[
    ModuleClass {
        name: "Linear",
        methods: &[
            Builtin {
                name: "__init__",
                places: 0,
                signature: "self,in_features,out_features,bias?,device?,dtype?",
                run: |s, a| {
                    let this = object(s, a)?;
                    let (n, m) = (a.size(s, "in_features")?, a.size(s, "out_features")?);
                    let bound = 1.0 / (n as f64).sqrt();
                    let weight = uniform(s, &[m, n], -bound, bound)?;
                    this.set("in_features", Value::Int(n as i64));
                    this.set("out_features", Value::Int(m as i64));
                    this.set("weight", parameter(s, weight, true));
                    bias(s, a, &this, m, bound)
                },
            },
            Builtin {
                name: "forward",
                places: 0,
                signature: "self,input",
                run: |s, a| {
                    let this = object(s, a)?;
                    let (w, b) = (own(s, &this, "weight")?, own(s, &this, "bias")?);
                    let x = a.float_node(s, "input")?;
                    let w = needed(s, w, "weight")?;
                    let node = super::linear::linear(s, x, w, b)?;
                    s.tensor(Ok(node))
                },
            },
            RESET,
        ],
    },
    ModuleClass {
        name: "Conv1d",
        methods: &[
            Builtin {
                name: "__init__",
                places: 0,
                signature: "self,in_channels,out_channels,kernel_size,stride?,padding?,dilation?,groups?,bias?,padding_mode?,device?,dtype?",
                run: |s, a| {
                    let this = object(s, a)?;
                    let (inner, out) = (a.size(s, "in_channels")?, a.size(s, "out_channels")?);
                    let taps = *a.ints(s, "kernel_size")?.first().unwrap_or(&1);
                    let taps = a.size_of(s, taps)?;
                    let groups = a.size_or(s, "groups", 1)?;
                    if groups == 0 || inner % groups != 0 || out % groups != 0 {
                        return s.value_error("in_channels and out_channels must be divisible by groups");
                    }
                    if &*a.string_or(s, "padding_mode", "zeros")? != "zeros" {
                        return s.unsupported("Conv1d supports padding_mode='zeros'");
                    }
                    let bound = 1.0 / ((inner / groups * taps) as f64).sqrt();
                    let weight = uniform(s, &[out, inner / groups, taps], -bound, bound)?;
                    this.set("weight", parameter(s, weight, true));
                    for (name, default) in [
                        ("in_channels", 0),
                        ("out_channels", 0),
                        ("stride", 1),
                        ("padding", 0),
                        ("dilation", 1),
                        ("groups", 1),
                    ] {
                        this.set(name, a.opt(name).cloned().unwrap_or(Value::Int(default)));
                    }
                    this.set("kernel_size", Value::tuple(vec![Value::Int(taps as i64)]));
                    bias(s, a, &this, out, bound)
                },
            },
            Builtin {
                name: "forward",
                places: 0,
                signature: "self,input",
                run: |s, a| {
                    let this = object(s, a)?;
                    let x = a.float_node(s, "input")?;
                    let (w, b) = (own(s, &this, "weight")?, own(s, &this, "bias")?);
                    let w = needed(s, w, "weight")?;
                    let builtin = find(F, "conv1d").expect("in the table");
                    let named = ["stride", "padding", "dilation", "groups"]
                        .map(|n| (n.to_owned(), this.get(n).unwrap_or(Value::None)));
                    let none = Value::None;
                    let options = Args::bind(s, builtin, vec![none.clone(), none], named.to_vec())?;
                    let options = conv_options(s, &options, s.graph.shape(w).to_vec())?;
                    let node = conv1d(s, x, w, b, options)?;
                    s.tensor(Ok(node))
                },
            },
            RESET,
        ],
    },
    ModuleClass {
        name: "LayerNorm",
        methods: &[
            Builtin {
                name: "__init__",
                places: 0,
                signature: "self,normalized_shape,eps?,elementwise_affine?,bias?,device?,dtype?",
                run: |s, a| {
                    let this = object(s, a)?;
                    let dims = norm_shape(s, a, &this)?;
                    let affine = a.bool_or(s, "elementwise_affine", true)?;
                    let eps = a.float_or(s, "eps", 1e-5)?;
                    this.set("eps", Value::Float(eps));
                    this.set("weight", constant_parameter(s, &dims, 1.0, affine)?);
                    let with_bias = affine && a.bool_or(s, "bias", true)?;
                    this.set("bias", constant_parameter(s, &dims, 0.0, with_bias)?);
                    Ok(Value::None)
                },
            },
            Builtin {
                name: "forward",
                places: 0,
                signature: "self,input",
                run: |s, a| {
                    let this = object(s, a)?;
                    let x = a.float_node(s, "input")?;
                    let (axes, eps) = (norm_axes(s, &this, x)?, number_of(s, &this, "eps")?);
                    let (w, b) = (own(s, &this, "weight")?, own(s, &this, "bias")?);
                    let node = layer_norm(s, x, &axes, w, b, eps.unwrap_or(1e-5))?;
                    s.tensor(Ok(node))
                },
            },
            RESET_NORM,
        ],
    },
    ModuleClass {
        name: "RMSNorm",
        methods: &[
            Builtin {
                name: "__init__",
                places: 0,
                signature: "self,normalized_shape,eps?,elementwise_affine?,device?,dtype?",
                run: |s, a| {
                    let this = object(s, a)?;
                    let dims = norm_shape(s, a, &this)?;
                    let affine = a.bool_or(s, "elementwise_affine", true)?;
                    this.set("eps", a.value("eps").clone());
                    this.set("weight", constant_parameter(s, &dims, 1.0, affine)?);
                    Ok(Value::None)
                },
            },
            Builtin {
                name: "forward",
                places: 0,
                signature: "self,input",
                run: |s, a| {
                    let this = object(s, a)?;
                    let x = a.float_node(s, "input")?;
                    let (axes, eps) = (norm_axes(s, &this, x)?, number_of(s, &this, "eps")?);
                    let w = own(s, &this, "weight")?;
                    let node = rms_norm(s, x, &axes, w, eps.unwrap_or(f64::from(f32::EPSILON)))?;
                    s.tensor(Ok(node))
                },
            },
            RESET_NORM,
        ],
    },
    ModuleClass {
        name: "GroupNorm",
        methods: &[
            Builtin {
                name: "__init__",
                places: 0,
                signature: "self,num_groups,num_channels,eps?,affine?,device?,dtype?",
                run: |s, a| {
                    let this = object(s, a)?;
                    let (groups, channels) = (a.size(s, "num_groups")?, a.size(s, "num_channels")?);
                    let affine = a.bool_or(s, "affine", true)?;
                    let eps = a.float_or(s, "eps", 1e-5)?;
                    this.set("num_groups", Value::Int(groups as i64));
                    this.set("eps", Value::Float(eps));
                    this.set("weight", constant_parameter(s, &[channels], 1.0, affine)?);
                    this.set("bias", constant_parameter(s, &[channels], 0.0, affine)?);
                    Ok(Value::None)
                },
            },
            Builtin {
                name: "forward",
                places: 0,
                signature: "self,input",
                run: |s, a| {
                    let this = object(s, a)?;
                    let x = a.float_node(s, "input")?;
                    let groups = match this.get("num_groups") {
                        Some(Value::Int(n)) => a.size_of(s, n)?,
                        _ => return s.type_error("num_groups must be an int"),
                    };
                    let eps = number_of(s, &this, "eps")?;
                    let (w, b) = (own(s, &this, "weight")?, own(s, &this, "bias")?);
                    let node = group_norm(s, x, groups, w, b, eps.unwrap_or(1e-5))?;
                    s.tensor(Ok(node))
                },
            },
            RESET_NORM,
        ],
    },
    ModuleClass {
        name: "Embedding",
        methods: &[
            Builtin {
                name: "__init__",
                places: 0,
                signature: "self,num_embeddings,embedding_dim,padding_idx?,device?,dtype?",
                run: |s, a| {
                    let this = object(s, a)?;
                    let (n, d) = (a.size(s, "num_embeddings")?, a.size(s, "embedding_dim")?);
                    if a.opt("padding_idx").is_some() {
                        return s.unsupported("Embedding with padding_idx is not supported");
                    }
                    let weight = normal(s, &[n, d], 0.0, 1.0)?;
                    this.set("weight", parameter(s, weight, true));
                    this.set("num_embeddings", Value::Int(n as i64));
                    this.set("embedding_dim", Value::Int(d as i64));
                    Ok(Value::None)
                },
            },
            Builtin {
                name: "forward",
                places: 0,
                signature: "self,input",
                run: |s, a| {
                    let this = object(s, a)?;
                    let w = own(s, &this, "weight")?;
                    let (w, index) = (needed(s, w, "weight")?, a.node(s, "input")?);
                    let node = super::gather::embedding(s, index, w)?;
                    s.tensor(Ok(node))
                },
            },
            RESET_EMBEDDING,
        ],
    },
];

fn own(s: &mut Interp<'_>, this: &Instance, name: &str) -> Eval<Option<NodeId>> {
    match this.get(name) {
        Some(Value::Tensor(t)) => s.read(&t).map(Some),
        Some(Value::None) | None => Ok(None),
        Some(other) => s.type_error(format!("'{name}' of a module is {}", other.kind())),
    }
}

fn needed(s: &mut Interp<'_>, node: Option<NodeId>, name: &str) -> Eval<NodeId> {
    match node {
        Some(node) => Ok(node),
        None => s.type_error(format!("the module has no '{name}'; was super().__init__() called?")),
    }
}

fn norm_shape(s: &mut Interp<'_>, a: &Args, this: &Instance) -> Eval<Vec<usize>> {
    let mut dims = Vec::new();
    for n in a.ints(s, "normalized_shape")? {
        dims.push(a.size_of(s, n)?);
    }
    this.set("normalized_shape", Value::shape(&dims));
    Ok(dims)
}

fn norm_axes(s: &mut Interp<'_>, this: &Instance, x: NodeId) -> Eval<Vec<usize>> {
    let Some(sizes) = this.get("normalized_shape") else {
        return s.type_error("the norm has no normalized_shape");
    };
    let sizes: Vec<i64> = s.iterate(&sizes)?.iter().map(|v| if let Value::Int(i) = v { *i } else { -1 }).collect();
    let shape = s.graph.shape(x).to_vec();
    trailing_axes(s, &shape, &sizes)
}

fn number_of(s: &mut Interp<'_>, this: &Instance, name: &str) -> Eval<Option<f64>> {
    match this.get(name) {
        None | Some(Value::None) => Ok(None),
        Some(value) => s.scalar_of(&value, name).map(Some),
    }
}
