//! Modules that are functions with their options kept.

use super::module::object;
use super::modules::ModuleClass;
use super::{Args, Builtin, F, find};
use crate::language::interp::{Eval, Interp};
use crate::language::value::Value;

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
];

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
