//! What a candidate can call: one table entry per function, found by place and name.
//!
//! The tables serve calls, "did you mean" and the reference page alike.

mod activations;
mod args;
mod arith;
mod autograd;
mod containers;
mod convert;
mod convolve;
mod create;
mod einops;
mod einsum;
mod elementwise;
mod functional;
mod gather;
mod init;
mod iteration;
mod joins;
mod linear;
mod math;
mod module;
mod module_lists;
mod modules;
mod nn;
mod norms;
mod objects;
mod parameters;
mod patterns;
mod pieces;
mod python;
mod reduce;
mod shape;
mod standard;
mod wrappers;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use args::Args;
pub use module::{all_modules, children, named_parameters, submodules};
pub use modules::{install, names as classes, refused};
pub use objects::is_instance;
pub use parameters::{make_buffer, make_parameter};
pub use patterns::{draws, random_in_forward};

use super::interp::{Eval, Interp};
use super::value::Value;

/// In `torch`.
pub const TORCH: u32 = 1;
/// In `torch.nn.functional`.
pub const F: u32 = 1 << 1;
/// A method of tensors.
pub const METHOD: u32 = 1 << 2;
/// In `math`.
pub const MATH: u32 = 1 << 3;
/// In `einops`.
pub const EINOPS: u32 = 1 << 4;
/// Built into Python.
pub const PYTHON: u32 = 1 << 5;
/// In `torch.nn.init`.
pub const INIT: u32 = 1 << 6;
/// In `torch.linalg`.
pub const LINALG: u32 = 1 << 7;
/// In `functools`.
pub const FUNCTOOLS: u32 = 1 << 8;
/// In `dataclasses`.
pub const DATACLASSES: u32 = 1 << 9;
/// In `warnings`.
pub const WARNINGS: u32 = 1 << 10;
/// Methods of strings.
pub const STR: u32 = 1 << 11;
/// Methods of lists and tuples.
pub const LIST: u32 = 1 << 12;
/// Methods of dicts.
pub const DICT: u32 = 1 << 13;
/// Methods of sets.
pub const SET: u32 = 1 << 14;
/// Methods of numbers.
pub const NUMBER: u32 = 1 << 15;
/// In `torch.cuda`.
pub const CUDA: u32 = 1 << 16;
/// In `torch.special`.
pub const SPECIAL: u32 = 1 << 17;

/// In `itertools`.
pub const ITERTOOLS: u32 = 1 << 18;
/// In `operator`.
pub const OPERATOR: u32 = 1 << 19;
/// In `copy`.
pub const COPY: u32 = 1 << 20;
/// In `contextlib`.
pub const CONTEXTLIB: u32 = 1 << 21;
/// In `collections`.
pub const COLLECTIONS: u32 = 1 << 22;
/// In `torch.utils.checkpoint`.
pub const CHECKPOINT: u32 = 1 << 23;
/// In `torch.compiler` and `torch._dynamo`.
pub const TORCH_COMPILER: u32 = 1 << 24;
/// In `os`.
pub const ENVIRONMENT: u32 = 1 << 25;

/// In `torch.fft`.
pub const FFT: u32 = 1 << 26;

/// A built-in function.
pub struct Builtin {
    /// Its name; several, separated by `|`, where they are the same function.
    pub name: &'static str,
    /// Where it is found.
    pub places: u32,
    /// Parameters: `name`, `name?` (optional), `a|b` (either name), `*rest`, `**` (further keywords).
    pub signature: &'static str,
    /// What it does.
    pub run: fn(&mut Interp<'_>, &Args) -> Eval<Value>,
}

/// Modules reached through others, not imported by themselves.
pub const INNER_MODULES: &[&str] = &[
    "torch.linalg",
    "torch.cuda",
    "torch.cuda.amp",
    "torch.jit",
    "torch.nn.utils",
    "torch.nn.modules",
    "torch.nn.parameter",
    "torch.special",
    "torch.autograd",
    "torch.autograd.function",
    "torch.distributed",
    "torch.utils._pytree",
    "torch.nn.functional",
    "torch.nn.modules.utils",
    "torch.nn.utils.parametrizations",
    "torch.nn.utils.parametrize",
    "torch.func",
    "numpy.linalg",
    "torch.amp",
    "torch.compiler",
    "torch._dynamo",
    "einops.layers",
    "einops.layers.torch",
    "torch.utils",
    "torch.utils.checkpoint",
];

const TABLES: &[&[Builtin]] = &[
    elementwise::TABLE,
    activations::TABLE,
    reduce::TABLE,
    shape::TABLE,
    convert::TABLE,
    joins::TABLE,
    pieces::TABLE,
    create::TABLE,
    patterns::TABLE,
    linear::TABLE,
    functional::TABLE,
    convolve::TABLE,
    norms::TABLE,
    gather::TABLE,
    einsum::TABLE,
    einops::TABLE,
    math::TABLE,
    python::TABLE,
    objects::TABLE,
    iteration::TABLE,
    containers::TABLE,
    init::TABLE,
    standard::TABLE,
    super::complex::TABLE,
];

static INDEX: LazyLock<HashMap<&'static str, Vec<&'static Builtin>>> = LazyLock::new(|| {
    let mut index: HashMap<_, Vec<_>> = HashMap::new();
    for builtin in TABLES.iter().copied().flatten() {
        for name in builtin.name.split('|') {
            index.entry(name).or_default().push(builtin);
        }
    }
    index
});

/// A function by place and name.
pub fn find(place: u32, name: &str) -> Option<&'static Builtin> {
    INDEX.get(name)?.iter().copied().find(|b| b.places & place != 0)
}

/// All names at a place.
pub fn names(place: u32) -> impl Iterator<Item = &'static str> {
    TABLES.iter().copied().flatten().filter(move |b| b.places & place != 0).flat_map(|b| b.name.split('|'))
}

fn place(module: &str) -> Option<u32> {
    Some(match module {
        "torch" => TORCH,
        "torch.nn.functional" => F,
        // Its functions of numbers.
        "math" | "numpy" => MATH,
        "einops" => EINOPS,
        "torch.nn.init" => INIT,
        "torch.linalg" => LINALG,
        "torch.cuda" => CUDA,
        "torch.special" => SPECIAL,
        "functools" => FUNCTOOLS,
        "dataclasses" => DATACLASSES,
        "warnings" => WARNINGS,
        "itertools" => ITERTOOLS,
        "operator" => OPERATOR,
        "copy" => COPY,
        "contextlib" => CONTEXTLIB,
        "collections" => COLLECTIONS,
        "torch.utils.checkpoint" => CHECKPOINT,
        "torch.compiler" | "torch._dynamo" => TORCH_COMPILER,
        "os" => ENVIRONMENT,
        "torch.fft" => FFT,
        _ => return None,
    })
}

/// Names of Python's own functions and types.
pub fn python_names() -> Vec<String> {
    names(PYTHON).chain(python::TYPES.iter().copied()).map(str::to_owned).collect()
}

/// Something in a module, where it is implemented.
pub fn module_constant(interp: &mut Interp<'_>, module: &'static str, name: &str) -> Option<Value> {
    if let Some(builtin) = place(module).and_then(|place| find(place, name)) {
        return Some(Value::Native(builtin));
    }
    match (module, name) {
        ("torch", "float16" | "half" | "bfloat16" | "float32" | "float" | "float64" | "double") => {
            let known = ["float16", "half", "bfloat16", "float32", "float", "float64", "double"];
            let name = known.into_iter().find(|k| *k == name)?;
            Some(Value::DType(match name {
                "half" => "float16",
                "float" => "float32",
                "double" => "float64",
                name => name,
            }))
        }
        ("torch", "int64" | "long") => Some(Value::DType("int64")),
        ("torch", "int32" | "int") => Some(Value::DType("int32")),
        ("torch", "int16" | "short") => Some(Value::DType("int16")),
        ("torch", "int8") => Some(Value::DType("int8")),
        ("torch", "uint8") => Some(Value::DType("uint8")),
        ("torch", "complex64" | "cfloat" | "complex128" | "cdouble") => Some(Value::DType("complex64")),
        ("torch", "bool") => Some(Value::DType("bool")),
        ("torch", "dtype" | "device" | "Generator") => Some(Value::Type(match name {
            "device" => "device",
            "Generator" => "Generator",
            _ => "dtype",
        })),
        ("torch", "Tensor" | "FloatTensor") => Some(Value::Type("Tensor")),
        ("torch", "LongTensor") => Some(Value::Type("LongTensor")),
        ("torch", "Size") => Some(Value::Type("tuple")),
        ("torch" | "math" | "numpy", "inf") => Some(Value::Float(f64::INFINITY)),
        ("torch" | "math" | "numpy", "nan") => Some(Value::Float(f64::NAN)),
        ("torch" | "math" | "numpy", "pi") => Some(Value::Float(std::f64::consts::PI)),
        ("torch" | "math", "e") => Some(Value::Float(std::f64::consts::E)),
        ("math", "tau") => Some(Value::Float(std::f64::consts::TAU)),
        ("torch", "no_grad" | "inference_mode") => Some(Value::Decorator("no_grad")),
        ("torch", "enable_grad" | "autocast") | ("torch.amp" | "torch.cuda.amp", "autocast") => {
            Some(Value::Decorator("enable_grad"))
        }
        ("dataclasses", "dataclass") => Some(Value::Decorator("dataclass")),
        ("torch.nn" | "torch.nn.modules" | "torch.nn.parameter", name) => {
            modules::class(interp, name).map(Value::Class)
        }
        ("enum", "Enum" | "IntEnum" | "StrEnum") => interp.classes.get("Enum").cloned().map(Value::Class),
        ("enum", "auto") => Some(Value::Typing),
        ("functools", "cached_property") => Some(Value::Decorator("property")),
        ("torch", "__version__") => Some(Value::str("2.15.0")),
        ("torch", "backends" | "_C" | "_inductor" | "profiler" | "version") => Some(Value::Silent),
        ("torch.autograd.function", "once_differentiable") => Some(Value::Decorator("compile")),
        ("torch.autograd" | "torch.autograd.function", "Function") => {
            interp.classes.get("Function").cloned().map(Value::Class)
        }
        ("torch.distributed", name) => alone(name).map(Value::Native),
        ("warnings", "catch_warnings") => Some(Value::Silent),
        ("os", "environ") => interp.dict(Default::default()).ok(),
        ("torch.jit", "ignore" | "export" | "unused" | "script_method") => Some(Value::Decorator("compile")),
        ("abc", "ABC") => Some(Value::Typing),
        ("collections", "OrderedDict") => Some(Value::Type("dict")),
        _ => None,
    }
}

/// Names that a module offers, for "did you mean".
pub fn names_in(_: &Interp<'_>, module: &str) -> Vec<String> {
    let functions = place(module).into_iter().flat_map(names).map(str::to_owned);
    match module {
        "torch.nn" => functions.chain(modules::names().map(str::to_owned)).collect(),
        "torch" => functions
            .chain(["float32", "int64", "bool", "Tensor", "no_grad", "compile", "inf"].map(str::to_owned))
            .collect(),
        _ => functions.collect(),
    }
}

/// Does nothing: `super().__init__()` of a class without bases.
pub fn nothing() -> &'static Builtin {
    static NOTHING: Builtin =
        Builtin { name: "__init__", places: 0, signature: "*rest,**", run: |_, _| Ok(Value::None) };
    &NOTHING
}

/// Calls its first argument within `torch.no_grad()`.
pub fn no_grad_call() -> &'static Builtin {
    static CALL: Builtin = Builtin {
        name: "no_grad call",
        places: 0,
        signature: "*rest,**",
        run: |s, a| {
            let mut args = a.rest.clone();
            // As a method it is bound before the wrapped function: (self, function, ..) or (function, ..).
            let at = args.iter().position(|v| matches!(v, Value::Function(_))).expect("made with a function");
            let function = args.remove(at);
            s.no_grad += 1;
            let result = s.call(&function, args, a.extra.clone());
            s.no_grad -= 1;
            result
        },
    };
    &CALL
}

/// `dict.fromkeys`
pub fn from_keys() -> &'static Builtin {
    static FROM_KEYS: Builtin = Builtin {
        name: "fromkeys",
        places: 0,
        signature: "iterable,value?",
        run: |s, a| {
            let mut made = crate::language::value::Dict::default();
            for name in s.iterate(a.value("iterable"))? {
                match name.key() {
                    Some(key) => made.insert(key, name, a.value("value").clone()),
                    None => return s.type_error(format!("unhashable type: '{}'", name.kind())),
                }
            }
            s.dict(made)
        },
    };
    &FROM_KEYS
}

/// What `torch.distributed` says where nothing is distributed.
fn alone(name: &str) -> Option<&'static Builtin> {
    static NO: Builtin =
        Builtin { name: "is_initialized", places: 0, signature: "", run: |_, _| Ok(Value::Bool(false)) };
    static FIRST: Builtin = Builtin { name: "get_rank", places: 0, signature: "group?", run: |_, _| Ok(Value::Int(0)) };
    static ONE: Builtin =
        Builtin { name: "get_world_size", places: 0, signature: "group?", run: |_, _| Ok(Value::Int(1)) };
    match name {
        "is_available" | "is_initialized" | "is_nccl_available" | "is_torchelastic_launched" => Some(&NO),
        "get_rank" => Some(&FIRST),
        "get_world_size" => Some(&ONE),
        _ => None,
    }
}

/// `typing.cast`: its second argument.
pub fn cast() -> &'static Builtin {
    static CAST: Builtin =
        Builtin { name: "cast", places: 0, signature: "typ,val", run: |_, a| Ok(a.value("val").clone()) };
    &CAST
}

/// Why something known is refused.
pub fn refusal(module: &str, name: &str) -> Option<&'static str> {
    match module {
        "torch.nn" => modules::refusal(name),
        "torch.fft" => Some("transforms of one dimension are rfft, irfft, fft and ifft"),
        _ => None,
    }
}

/// Calls a method of a tensor and writes the result back into it.
pub fn in_place_call() -> &'static Builtin {
    static CALL: Builtin = Builtin {
        name: "in-place call",
        places: 0,
        signature: "self,method,*rest,**",
        run: |s, a| {
            let x = a.tensor(s, "self")?;
            let mut args = vec![a.value("self").clone()];
            args.extend(a.rest.iter().cloned());
            let result = s.call(a.value("method"), args, a.extra.clone())?;
            let node = s.node_of_any(&result)?;
            s.write_in_place(&x, node)?;
            Ok(a.value("self").clone())
        },
    };
    &CALL
}
