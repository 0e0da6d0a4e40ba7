//! Modules: parameters with PyTorch's default initialisation, and their forward.

use std::rc::Rc;

use super::create::parameter;
use super::functional::{conv_options, conv1d, group_norm, layer_norm, rms_norm, trailing_axes};
use super::init::{normal, uniform};
use super::modules::ModuleClass;
use super::{Args, Builtin, F, find};
use crate::finding::FindingKind;
use crate::ir::{DType, NodeId};
use crate::language::interp::{Eval, Interp};
use crate::language::tensor::Role;
use crate::language::value::{Instance, Value};

/// A module whose forward is a function of `torch.nn.functional`, with its options as attributes.
macro_rules! activation {
    ($class:literal, $function:literal, $options:literal) => {
        ModuleClass {
            name: $class,
            methods: &[
                Builtin {
                    name: "__init__",
                    places: 0,
                    signature: concat!("self,", $options),
                    run: |s, a| keep(s, a, $options),
                },
                Builtin {
                    name: "forward",
                    places: 0,
                    signature: "self,input",
                    run: |s, a| apply(s, a, $function, $options),
                },
            ],
        }
    };
}

pub const CLASSES: &[ModuleClass] = &[
    activation!("SiLU", "silu", "inplace?"),
    activation!("ReLU", "relu", "inplace?"),
    activation!("ReLU6", "relu6", "inplace?"),
    activation!("Sigmoid", "sigmoid", ""),
    activation!("Tanh", "tanh", ""),
    activation!("LogSigmoid", "logsigmoid", ""),
    activation!("GELU", "gelu", "approximate?"),
    activation!("ELU", "elu", "alpha?,inplace?"),
    activation!("CELU", "celu", "alpha?,inplace?"),
    activation!("SELU", "selu", "inplace?"),
    activation!("Mish", "mish", "inplace?"),
    activation!("Softsign", "softsign", ""),
    activation!("Hardsigmoid", "hardsigmoid", "inplace?"),
    activation!("Hardtanh", "hardtanh", "min_val?,max_val?,inplace?"),
    activation!("LeakyReLU", "leaky_relu", "negative_slope?,inplace?"),
    activation!("Softplus", "softplus", "beta?,threshold?"),
    activation!("Softmax", "softmax", "dim?"),
    activation!("LogSoftmax", "log_softmax", "dim?"),
    activation!("GLU", "glu", "dim?"),
    activation!("Dropout", "dropout", "p?,inplace?"),
    ModuleClass {
        name: "Identity",
        methods: &[
            Builtin { name: "__init__", places: 0, signature: "self,*rest,**", run: |_, _| Ok(Value::None) },
            Builtin { name: "forward", places: 0, signature: "self,input", run: |_, a| Ok(a.value("input").clone()) },
        ],
    },
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
        ],
    },
    ModuleClass {
        name: "ConstantPad1d",
        methods: &[
            Builtin {
                name: "__init__",
                places: 0,
                signature: "self,padding,value",
                run: |s, a| keep(s, a, "padding,value"),
            },
            Builtin { name: "forward", places: 0, signature: "self,input", run: |s, a| pad_1d(s, a) },
        ],
    },
    ModuleClass {
        name: "ZeroPad1d",
        methods: &[
            Builtin { name: "__init__", places: 0, signature: "self,padding", run: |s, a| keep(s, a, "padding") },
            Builtin { name: "forward", places: 0, signature: "self,input", run: |s, a| pad_1d(s, a) },
        ],
    },
    ModuleClass {
        name: "Flatten",
        methods: &[
            Builtin {
                name: "__init__",
                places: 0,
                signature: "self,start_dim?,end_dim?",
                run: |s, a| keep(s, a, "start_dim?,end_dim?"),
            },
            Builtin {
                name: "forward",
                places: 0,
                signature: "self,input",
                run: |s, a| {
                    let this = object(s, a)?;
                    let named = ["start_dim", "end_dim"]
                        .into_iter()
                        .zip([1, -1])
                        .map(|(n, d)| (n.to_owned(), this.get(n).unwrap_or(Value::Int(d))))
                        .collect();
                    s.call(
                        &Value::Native(find(super::TORCH, "flatten").expect("in the table")),
                        vec![a.value("input").clone()],
                        named,
                    )
                },
            },
        ],
    },
    ModuleClass {
        name: "Sequential",
        methods: &[
            Builtin {
                name: "__init__",
                places: 0,
                signature: "self,*modules",
                run: |s, a| {
                    let this = object(s, a)?;
                    match &a.rest[..] {
                        [Value::Dict(dict)] => {
                            for (name, value) in dict.map.borrow().strings() {
                                this.set(&name, value.clone());
                            }
                        }
                        modules => modules.iter().enumerate().for_each(|(i, m)| this.set(&i.to_string(), m.clone())),
                    }
                    Ok(Value::None)
                },
            },
            Builtin {
                name: "forward",
                places: 0,
                signature: "self,input",
                run: |s, a| {
                    let this = object(s, a)?;
                    let mut x = a.value("input").clone();
                    for (_, module) in children(&this) {
                        x = s.call(&module, vec![x], vec![])?;
                    }
                    Ok(x)
                },
            },
            APPEND,
        ],
    },
    ModuleClass { name: "ModuleList", methods: &[LIST_INIT, APPEND, EXTEND, INSERT] },
    ModuleClass { name: "ParameterList", methods: &[LIST_INIT, APPEND, EXTEND] },
    ModuleClass { name: "ModuleDict", methods: &[DICT_INIT, KEYS, VALUES, ITEMS, UPDATE, GET] },
    ModuleClass { name: "ParameterDict", methods: &[DICT_INIT, KEYS, VALUES, ITEMS, UPDATE, GET] },
];

const LIST_INIT: Builtin = Builtin {
    name: "__init__",
    places: 0,
    signature: "self,modules|values?",
    run: |s, a| {
        let this = object(s, a)?;
        if let Some(modules) = a.opt("modules") {
            let items = s.iterate(modules)?;
            let parameters = this.class.is_a("ParameterList");
            for (i, item) in items.into_iter().enumerate() {
                let item = if parameters { as_parameter(s, item)? } else { item };
                this.set(&i.to_string(), item);
            }
        }
        Ok(Value::None)
    },
};

const APPEND: Builtin = Builtin {
    name: "append",
    places: 0,
    signature: "self,module",
    run: |s, a| {
        let this = object(s, a)?;
        s.outlives(this.born, "a module list")?;
        let item = a.value("module").clone();
        let item = if this.class.is_a("ParameterList") { as_parameter(s, item)? } else { item };
        this.set(&children(&this).len().to_string(), item);
        Ok(a.value("self").clone())
    },
};

const EXTEND: Builtin = Builtin {
    name: "extend",
    places: 0,
    signature: "self,modules",
    run: |s, a| {
        let this = object(s, a)?;
        s.outlives(this.born, "a module list")?;
        for item in s.iterate(a.value("modules"))? {
            this.set(&children(&this).len().to_string(), item);
        }
        Ok(a.value("self").clone())
    },
};

const INSERT: Builtin = Builtin {
    name: "insert",
    places: 0,
    signature: "self,index,module",
    run: |s, a| {
        let this = object(s, a)?;
        s.outlives(this.born, "a module list")?;
        let mut items: Vec<Value> = children(&this).into_iter().map(|(_, v)| v).collect();
        let at = a.size(s, "index")?.min(items.len());
        items.insert(at, a.value("module").clone());
        items.into_iter().enumerate().for_each(|(i, item)| this.set(&i.to_string(), item));
        Ok(Value::None)
    },
};

const DICT_INIT: Builtin =
    Builtin { name: "__init__", places: 0, signature: "self,modules|parameters?", run: |s, a| update(s, a) };
const UPDATE: Builtin = Builtin { name: "update", places: 0, signature: "self,modules", run: |s, a| update(s, a) };
const KEYS: Builtin = Builtin {
    name: "keys",
    places: 0,
    signature: "self",
    run: |s, a| {
        let names = children(&*object(s, a)?).into_iter().map(|(n, _)| Value::Str(n)).collect();
        s.list(names)
    },
};
const VALUES: Builtin = Builtin {
    name: "values",
    places: 0,
    signature: "self",
    run: |s, a| {
        let values = children(&*object(s, a)?).into_iter().map(|(_, v)| v).collect();
        s.list(values)
    },
};
const ITEMS: Builtin = Builtin {
    name: "items",
    places: 0,
    signature: "self",
    run: |s, a| {
        let pairs = children(&*object(s, a)?).into_iter().map(|(n, v)| Value::tuple(vec![Value::Str(n), v])).collect();
        s.list(pairs)
    },
};
const GET: Builtin = Builtin {
    name: "get",
    places: 0,
    signature: "self,key,default?",
    run: |s, a| {
        let name = a.string(s, "key")?;
        Ok(object(s, a)?.get(&name).unwrap_or_else(|| a.value("default").clone()))
    },
};

/// Methods of every module.
pub const MODULE: &[Builtin] = &[
    Builtin { name: "__init__", places: 0, signature: "self,*rest,**", run: |_, _| Ok(Value::None) },
    Builtin {
        name: "register_buffer",
        places: 0,
        signature: "self,name,tensor,persistent?",
        run: |s, a| {
            let this = object(s, a)?;
            let name = a.string(s, "name")?;
            s.outlives(this.born, &name)?;
            if !matches!(a.value("tensor"), Value::Tensor(_) | Value::None) {
                return s.type_error(format!("register_buffer(): '{name}' must be a tensor or None"));
            }
            this.set(&name, a.value("tensor").clone());
            this.buffers.borrow_mut().push(name);
            Ok(Value::None)
        },
    },
    Builtin {
        name: "register_parameter",
        places: 0,
        signature: "self,name,param",
        run: |s, a| {
            let name = a.string(s, "name")?;
            object(s, a)?.set(&name, a.value("param").clone());
            Ok(Value::None)
        },
    },
    Builtin {
        name: "add_module",
        places: 0,
        signature: "self,name,module",
        run: |s, a| {
            let name = a.string(s, "name")?;
            object(s, a)?.set(&name, a.value("module").clone());
            Ok(Value::None)
        },
    },
    Builtin {
        name: "register_module",
        places: 0,
        signature: "self,name,module",
        run: |s, a| {
            let name = a.string(s, "name")?;
            object(s, a)?.set(&name, a.value("module").clone());
            Ok(Value::None)
        },
    },
    Builtin {
        name: "parameters",
        places: 0,
        signature: "self,recurse?",
        run: |s, a| {
            let found = named_parameters(&object(s, a)?).into_iter().map(|(_, t)| t).collect();
            s.list(found)
        },
    },
    Builtin {
        name: "named_parameters",
        places: 0,
        signature: "self,prefix?,recurse?",
        run: |s, a| {
            let found = named_parameters(&object(s, a)?)
                .into_iter()
                .map(|(n, t)| Value::tuple(vec![Value::str(&n), t]))
                .collect();
            s.list(found)
        },
    },
    Builtin {
        name: "children",
        places: 0,
        signature: "self",
        run: |s, a| {
            let found = submodules(&*object(s, a)?).into_iter().map(|(_, m)| Value::Instance(m)).collect();
            s.list(found)
        },
    },
    Builtin {
        name: "named_children",
        places: 0,
        signature: "self",
        run: |s, a| {
            let found = submodules(&*object(s, a)?)
                .into_iter()
                .map(|(n, m)| Value::tuple(vec![Value::Str(n), Value::Instance(m)]))
                .collect();
            s.list(found)
        },
    },
    Builtin {
        name: "modules",
        places: 0,
        signature: "self",
        run: |s, a| {
            let found = all_modules(&object(s, a)?).into_iter().map(|(_, m)| Value::Instance(m)).collect();
            s.list(found)
        },
    },
    Builtin {
        name: "named_modules",
        places: 0,
        signature: "self",
        run: |s, a| {
            let found = all_modules(&object(s, a)?)
                .into_iter()
                .map(|(n, m)| Value::tuple(vec![Value::str(&n), Value::Instance(m)]))
                .collect();
            s.list(found)
        },
    },
    Builtin {
        name: "buffers",
        places: 0,
        signature: "self,recurse?",
        run: |s, a| {
            let mut found = Vec::new();
            for (_, module) in all_modules(&object(s, a)?) {
                found.extend(module.buffers.borrow().iter().filter_map(|n| module.get(n)));
            }
            s.list(found)
        },
    },
    Builtin {
        name: "apply",
        places: 0,
        signature: "self,fn",
        run: |s, a| {
            // Children before parents, as PyTorch does.
            let modules = all_modules(&object(s, a)?);
            for (_, module) in modules.into_iter().rev() {
                s.call(a.value("fn"), vec![Value::Instance(module)], vec![])?;
            }
            Ok(a.value("self").clone())
        },
    },
    Builtin { name: "train", places: 0, signature: "self,mode?", run: |_, a| Ok(a.value("self").clone()) },
    Builtin { name: "eval", places: 0, signature: "self", run: |_, a| Ok(a.value("self").clone()) },
    Builtin { name: "to", places: 0, signature: "self,*rest,**", run: |_, a| Ok(a.value("self").clone()) },
    Builtin { name: "float", places: 0, signature: "self", run: |_, a| Ok(a.value("self").clone()) },
    Builtin { name: "cuda", places: 0, signature: "self,**", run: |_, a| Ok(a.value("self").clone()) },
    Builtin {
        name: "requires_grad_",
        places: 0,
        signature: "self,requires_grad?",
        run: |s, a| {
            let on = a.bool_or(s, "requires_grad", true)?;
            for (_, parameter) in named_parameters(&object(s, a)?) {
                s.set_attribute(&parameter, "requires_grad", Value::Bool(on))?;
            }
            Ok(a.value("self").clone())
        },
    },
    Builtin { name: "extra_repr", places: 0, signature: "self", run: |_, _| Ok(Value::str("")) },
];

/// The object that a method was called on.
pub fn object(s: &mut Interp<'_>, a: &Args) -> Eval<Rc<Instance>> {
    match a.value("self") {
        Value::Instance(object) => Ok(object.clone()),
        other => s.type_error(format!("{}() of {}", a.name, other.kind())),
    }
}

/// Numbered or named entries of a container module: modules and parameters.
pub fn children(object: &Instance) -> Vec<(Rc<str>, Value)> {
    let attrs = object.attrs.borrow();
    let entries = attrs.strings().filter(|(_, v)| matches!(v, Value::Instance(_) | Value::Tensor(_)));
    entries.map(|(n, v)| (n, v.clone())).collect()
}

fn submodules(object: &Instance) -> Vec<(Rc<str>, Rc<Instance>)> {
    let attrs = object.attrs.borrow();
    attrs
        .strings()
        .filter_map(|(n, v)| match v {
            Value::Instance(m) if m.class.is_a("Module") => Some((n, m.clone())),
            _ => None,
        })
        .collect()
}

/// A module and all below it, by dotted name, each once.
pub fn all_modules(root: &Rc<Instance>) -> Vec<(String, Rc<Instance>)> {
    let mut found: Vec<(String, Rc<Instance>)> = Vec::new();
    let mut pending = vec![(String::new(), root.clone())];
    while let Some((name, module)) = pending.pop() {
        if found.iter().any(|(_, m)| Rc::ptr_eq(m, &module)) {
            continue;
        }
        for (child, inner) in submodules(&module).into_iter().rev() {
            let full = if name.is_empty() { child.to_string() } else { format!("{name}.{child}") };
            pending.push((full, inner));
        }
        found.push((name, module));
    }
    found
}

/// Parameters by their `state_dict` names, each once.
pub fn named_parameters(root: &Rc<Instance>) -> Vec<(String, Value)> {
    let mut found: Vec<(String, Value)> = Vec::new();
    for (prefix, module) in all_modules(root) {
        for (name, value) in module.attrs.borrow().strings() {
            let Value::Tensor(t) = value else { continue };
            let known = |v: &Value| matches!(v, Value::Tensor(other) if Rc::ptr_eq(&other.storage, &t.storage));
            if t.is_parameter() && !found.iter().any(|(_, v)| known(v)) {
                let full = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
                found.push((full, value.clone()));
            }
        }
    }
    found
}

/// `nn.Parameter(data, requires_grad=True)`.
pub fn make_parameter(s: &mut Interp<'_>, args: Vec<Value>, named: Vec<(String, Value)>) -> Eval<Value> {
    static PARAMETER: Builtin = Builtin {
        name: "Parameter",
        places: 0,
        signature: "data,requires_grad?",
        run: |s, a| {
            let x = a.tensor(s, "data")?;
            let on = a.bool_or(s, "requires_grad", true)?;
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

fn as_parameter(s: &mut Interp<'_>, item: Value) -> Eval<Value> {
    match &item {
        Value::Tensor(t) if matches!(t.storage.role.get(), Role::Plain) => make_parameter(s, vec![item], vec![]),
        _ => Ok(item),
    }
}

fn update(s: &mut Interp<'_>, a: &Args) -> Eval<Value> {
    let this = object(s, a)?;
    let entries: Vec<(Value, Value)> = match a.opt("modules") {
        None => vec![],
        Some(Value::Dict(dict)) => dict.map.borrow().iter().map(|(n, v)| (n.clone(), v.clone())).collect(),
        Some(pairs) => {
            let mut entries = Vec::new();
            for pair in s.iterate(pairs)? {
                match &s.iterate(&pair)?[..] {
                    [name, value] => entries.push((name.clone(), value.clone())),
                    _ => return s.value_error("a dict of modules needs pairs"),
                }
            }
            entries
        }
    };
    for (name, value) in entries {
        let name = s.text(&name)?;
        let value = if this.class.is_a("ParameterDict") { as_parameter(s, value)? } else { value };
        this.set(&name, value);
    }
    Ok(Value::None)
}

fn bias(s: &mut Interp<'_>, a: &Args, this: &Instance, n: usize, bound: f64) -> Eval<Value> {
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

fn constant_parameter(s: &mut Interp<'_>, dims: &[usize], value: f64, wanted: bool) -> Eval<Value> {
    if !wanted {
        return Ok(Value::None);
    }
    let made = s.graph.full(dims, value, DType::F32);
    let node = s.made(made)?;
    Ok(parameter(s, node, true))
}

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

/// Keep constructor arguments as attributes.
fn keep(s: &mut Interp<'_>, a: &Args, options: &str) -> Eval<Value> {
    let this = object(s, a)?;
    for name in options.split(',').map(|o| o.trim_end_matches('?')).filter(|o| !o.is_empty()) {
        if let Some(value) = a.get(name) {
            this.set(name, value.clone());
        }
    }
    Ok(Value::None)
}

fn apply(s: &mut Interp<'_>, a: &Args, function: &str, options: &str) -> Eval<Value> {
    let this = object(s, a)?;
    let builtin = find(F, function).expect("every module names a function of the table");
    let named = options
        .split(',')
        .map(|o| o.trim_end_matches('?'))
        .filter_map(|o| this.get(o).map(|v| (o.to_owned(), v)))
        .collect();
    s.call(&Value::Native(builtin), vec![a.value("input").clone()], named)
}

fn pad_1d(s: &mut Interp<'_>, a: &Args) -> Eval<Value> {
    let this = object(s, a)?;
    let padding = match this.get("padding") {
        Some(n @ Value::Int(_)) => Value::tuple(vec![n.clone(), n]),
        Some(pair) => pair,
        None => Value::tuple(vec![]),
    };
    let value = this.get("value").unwrap_or(Value::Float(0.0));
    let pad = find(F, "pad").expect("in the table");
    s.call(&Value::Native(pad), vec![a.value("input").clone(), padding, Value::str("constant"), value], vec![])
}
