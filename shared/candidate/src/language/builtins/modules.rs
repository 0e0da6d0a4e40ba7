//! The classes of `torch.nn`.

use std::rc::Rc;

use super::Builtin;
use super::{autograd, module, module_lists, nn, wrappers};
use crate::language::interp::Interp;
use crate::language::value::{Class, Value};

/// A built-in class: its methods are built-in functions whose first argument is the object.
pub struct ModuleClass {
    pub name: &'static str,
    pub methods: &'static [Builtin],
}

/// Classes that would couple the batch, draw random numbers or are not there yet.
const REFUSED: &[(&str, &str)] = &[
    ("BatchNorm1d", "batch statistics couple the rows of a batch; use nn.RMSNorm or nn.LayerNorm"),
    ("BatchNorm2d", "batch statistics couple the rows of a batch; use nn.RMSNorm or nn.LayerNorm"),
    ("SyncBatchNorm", "batch statistics couple the rows of a batch; use nn.RMSNorm or nn.LayerNorm"),
    ("InstanceNorm1d", "statistics over time read the future; use nn.RMSNorm or nn.LayerNorm"),
    ("ConvTranspose1d", "use nn.Conv1d"),
    ("Conv3d", "use nn.Conv1d"),
    ("TransformerEncoderLayer", "write attention and MLP out with nn.MultiheadAttention and nn.Linear"),
];

const EXCEPTIONS: &[(&str, &str)] = &[
    ("Exception", "BaseException"),
    ("TypeError", "Exception"),
    ("ValueError", "Exception"),
    ("ArithmeticError", "Exception"),
    ("ZeroDivisionError", "ArithmeticError"),
    ("OverflowError", "ArithmeticError"),
    ("LookupError", "Exception"),
    ("IndexError", "LookupError"),
    ("KeyError", "LookupError"),
    ("NameError", "Exception"),
    ("UnboundLocalError", "NameError"),
    ("AttributeError", "Exception"),
    ("RuntimeError", "Exception"),
    ("NotImplementedError", "RuntimeError"),
    ("ImportError", "Exception"),
    ("ModuleNotFoundError", "ImportError"),
    ("AssertionError", "Exception"),
    ("StopIteration", "Exception"),
    ("StopAsyncIteration", "Exception"),
    ("OSError", "Exception"),
    ("RecursionError", "RuntimeError"),
    ("Warning", "Exception"),
    ("ImportWarning", "Warning"),
    ("FutureWarning", "Warning"),
    ("RuntimeWarning", "Warning"),
    ("PendingDeprecationWarning", "Warning"),
    ("UserWarning", "Warning"),
    ("DeprecationWarning", "Warning"),
];

fn all() -> impl Iterator<Item = &'static ModuleClass> {
    [nn::CLASSES, wrappers::CLASSES, module_lists::CLASSES].into_iter().flatten()
}

/// Make the built-in classes.
pub fn install(s: &mut Interp<'_>) {
    let make = |name: &'static str, bases: Vec<Rc<Class>>, methods: &'static [Builtin]| {
        let class = Class { name: name.into(), bases, attrs: Default::default(), fields: None.into(), user: false };
        for method in methods {
            for name in method.name.split('|') {
                class.attrs.borrow_mut().insert_str(name, Value::Native(method));
            }
        }
        Rc::new(class)
    };
    s.classes.insert("BaseException", make("BaseException", vec![], &[]));
    for (name, base) in EXCEPTIONS {
        let base = s.classes[base].clone();
        s.classes.insert(name, make(name, vec![base], &[]));
    }
    let module = make("Module", vec![], module::MODULE);
    s.classes.insert("Module", module.clone());
    for class in all() {
        s.classes.insert(class.name, make(class.name, vec![module.clone()], class.methods));
    }
    s.classes.insert("Parameter", make("Parameter", vec![], &[]));
    s.classes.insert("Buffer", make("Buffer", vec![], &[]));
    for name in ["NamedTuple", "Enum"] {
        s.classes.insert(name, make(name, vec![], &[]));
    }
    s.classes.insert("Function", make("Function", vec![], autograd::FUNCTION));
    s.classes.insert("FunctionCtx", make("FunctionCtx", vec![], autograd::CONTEXT));
    s.classes.insert("finfo", make("finfo", vec![], &[]));
}

/// A class of `torch.nn` by name.
pub fn class(s: &Interp<'_>, name: &str) -> Option<Rc<Class>> {
    if !names().any(|n| n == name) {
        return None;
    }
    s.classes.get(name).cloned()
}

/// Why a class is refused, where there is a reason.
pub fn refusal(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(n, _)| *n == name).map(|(_, why)| *why)
}

/// Classes that are refused, and why.
pub fn refused() -> impl Iterator<Item = (&'static str, &'static str)> {
    REFUSED.iter().copied()
}

/// All names of classes.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|c| c.name).chain(["Module", "Parameter", "Buffer"])
}
