//! Libraries that are written in the language itself.
//!
//! A candidate that imports from `fla` gets definitions from `fla.py`, which run like the candidate's own text. What
//! they do is blamed on the candidate's line that called them. The same file serves as `fla` where PyTorch checks numbers.

use std::rc::Rc;
use std::sync::LazyLock;

use ruff_python_ast::{ModModule, Stmt};

use super::interp::{Eval, Interp};
use super::parse::{Lines, parse};
use super::value::{Scope, ScopeKind, Value};

const FLA: &str = include_str!("fla.py");

/// Paths under which layers import from the library; all of them offer all of it.
pub const PATHS: &[&str] = &[
    "fla",
    "fla.layers",
    "fla.layers.utils",
    "fla.models",
    "fla.modules",
    "fla.modules.activations",
    "fla.modules.convolution",
    "fla.modules.fused_norm_gate",
    "fla.modules.l2norm",
    "fla.modules.layernorm",
    "fla.modules.rotary",
    "fla.ops",
    "fla.ops.delta_rule",
    "fla.ops.gated_delta_rule",
    "fla.ops.gla",
    "fla.ops.linear_attn",
    "fla.ops.retention",
    "fla.ops.simple_gla",
];

static MODULE: LazyLock<ModModule> =
    LazyLock::new(|| parse(&Lines::new(FLA)).expect("the library is in the language; a test reads it"));

/// Names that the library offers.
pub fn names() -> Vec<&'static str> {
    let module: &'static ModModule = &MODULE;
    let defined = module.body.iter().filter_map(|stmt| match stmt {
        Stmt::FunctionDef(f) => Some(f.name.as_str()),
        Stmt::ClassDef(c) => Some(c.name.as_str()),
        _ => None,
    });
    defined.chain(["ACT2FN"]).filter(|n| !n.starts_with('_')).collect()
}

impl Interp<'_> {
    /// Something in the library, which is read when it is first asked for.
    pub fn library_attribute(&mut self, path: &str, name: &str) -> Eval<Value> {
        let known = names();
        if !known.contains(&name) {
            return self.unknown("function or class", &format!("{path}.{name}"), known.into_iter());
        }
        let scope = match &self.library {
            Some(scope) => scope.clone(),
            None => {
                let scope = Scope::new(ScopeKind::Module, None, Rc::default());
                self.scopes.push(Rc::downgrade(&scope));
                self.library = Some(scope.clone());
                self.in_library(|s| s.block(&MODULE.body, &scope).map(drop))?;
                scope
            }
        };
        let value = scope.vars.borrow().get(name).cloned();
        Ok(value.expect("every name of the library is defined in it"))
    }

    /// Run text of the library: places are those of the caller, and what is refused is refused as a whole.
    pub fn in_library<T>(&mut self, f: impl FnOnce(&mut Self) -> Eval<T>) -> Eval<T> {
        self.library_depth += 1;
        let result = f(self);
        self.library_depth -= 1;
        result
    }
}
