//! Libraries that are written in the language itself.
//!
//! A candidate that imports from `fla` or `transformers` gets definitions from the texts beside this file, which run
//! like the candidate's own. What they do is blamed on the candidate's line that called them. The same texts serve as
//! `fla` where PyTorch checks numbers (`tests/candidate/reference/fla_shim.py`).

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use ruff_python_ast::{Expr, ModModule, Stmt};

use super::interp::{Eval, Interp};
use super::parse::{Lines, parse};
use super::value::{Scope, ScopeKind, Value};

/// The texts in the order in which they may use each other; one that a name is asked of brings all before it that it
/// needs.
const PARTS: &[(&str, &[usize], &str)] = &[
    ("fla", &[], include_str!("modules.py")),
    ("fla", &[0], include_str!("chunks.py")),
    ("fla", &[0, 1], include_str!("delta.py")),
    ("fla", &[0, 1], include_str!("gated.py")),
    ("fla", &[0], include_str!("norms.py")),
    ("fla", &[0], include_str!("features.py")),
    ("fla", &[0, 1, 2, 3], include_str!("general.py")),
    ("fla", &[0, 1, 3], include_str!("more.py")),
    ("fla", &[0, 1, 2, 3, 6], include_str!("attention.py")),
    ("transformers", &[0], include_str!("transformers.py")),
    ("torch", &[], include_str!("torch.py")),
    ("torch", &[10], include_str!("einops.py")),
    ("torch", &[10], include_str!("torch_nn.py")),
    ("fla", &[0, 1, 2, 3, 6], include_str!("sparse.py")),
    ("fla", &[0, 1, 2, 3, 6, 7], include_str!("further.py")),
    ("fla", &[0, 1, 2, 6], include_str!("levels.py")),
    ("fla", &[0, 4], include_str!("bits.py")),
    ("fla", &[0, 1, 2, 3, 4, 7], include_str!("rest.py")),
    ("flash_attn", &[0, 1, 2, 3, 6, 8], include_str!("flash_attn.py")),
    ("mamba_ssm", &[0, 1, 2, 3, 4, 6, 7], include_str!("mamba.py")),
    ("fast_transformers", &[0, 1, 3], include_str!("fast_transformers.py")),
    ("torch", &[10], include_str!("python.py")),
    ("numpy", &[], include_str!("numpy.py")),
    ("torch", &[10], include_str!("recurrent.py")),
    ("torch", &[10], include_str!("rotary.py")),
    ("torch", &[10], include_str!("decompose.py")),
    ("torch", &[10], include_str!("wrap.py")),
];

/// Libraries that are small, and what there is of them.
const SMALL: &[(&str, &[&str])] = &[
    ("packaging", &["parse", "Version"]),
    ("scipy", &["next_fast_len"]),
    ("distutils", &["LooseVersion", "StrictVersion"]),
    ("importlib", &["find_spec"]),
    ("rotary_embedding_torch", &["rotary_embedding_torch_RotaryEmbedding", "apply_rotary_emb"]),
];

/// Packages that layers do without where they are missing; they are offered to those that do not.
pub const OPTIONAL: &[&str] = &["flash_attn", "mamba_ssm", "causal_conv1d", "fast_transformers"];

/// Names that stand for another of the library, by module.
const ALIASES: &[(&str, &str, &str)] = &[
    ("mamba_ssm.ops.triton.layernorm_gated", "RMSNorm", "NormBeforeGate"),
    ("flash_attn.layers.rotary", "apply_rotary_emb", "rotary_embedding"),
    ("flash_attn.layers.rotary", "apply_rotary_emb_func", "rotary_embedding"),
];

/// The library's name of something in a module.
pub fn alias<'n>(path: &str, name: &'n str) -> &'n str {
    ALIASES.iter().find(|(module, from, _)| *module == path && *from == name).map_or(name, |(.., to)| to)
}

/// Names of modules within the library; all of them offer all of it.
const MODULES: &[&str] = &[
    "layers",
    "models",
    "modules",
    "ops",
    "utils",
    "activations",
    "convolution",
    "fused_norm_gate",
    "l2norm",
    "layernorm",
    "rotary",
    "feature_map",
    "token_shift",
    "delta_rule",
    "gated_delta_rule",
    "gla",
    "linear_attn",
    "retention",
    "simple_gla",
    "rwkv6",
    "rwkv7",
    "hgrn",
    "gsa",
    "abc",
    "based",
    "kda",
    "comba",
    "lightning_attn",
    "gated_delta_product",
    "gdn2",
    "precond_kda",
    "precond_gated_delta_rule",
    "momentum_delta_rule",
    "mesa_net",
    "cyfa",
    "log_linear_attn",
    "moba",
    "nsa",
    "path_attn",
    "deltaformer",
    "stickbreaking_attn",
    "wall_attn",
    "parallax",
    "attn",
    "forgetting_attn",
    "fused_bitlinear",
    "ttt",
    "index",
    "cumsum",
    "pooling",
    "constant",
    "long_conv",
    "mlp",
];

static PARSED: LazyLock<Vec<ModModule>> = LazyLock::new(|| {
    let parse = |text: &str| parse(&Lines::new(text)).expect("the library is in the language; a test reads it");
    PARTS.iter().map(|(_, _, text)| parse(text)).collect()
});

/// The part that defines a name.
static DEFINED: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    let parsed: &'static [ModModule] = &PARSED;
    let mut found = HashMap::new();
    for (i, module) in parsed.iter().enumerate() {
        let names = module.body.iter().filter_map(|stmt| match stmt {
            Stmt::FunctionDef(f) => Some(f.name.as_str()),
            Stmt::ClassDef(c) => Some(c.name.as_str()),
            Stmt::Assign(a) => match &a.targets[..] {
                [Expr::Name(name)] => Some(name.id.as_str()),
                _ => None,
            },
            _ => None,
        });
        names.filter(|n| !n.starts_with('_') || *n == "_init_weights").for_each(|n| {
            found.insert(n, i);
        });
    }
    found
});

fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// Whether a module is the library's.
pub fn covers(path: &str) -> bool {
    let root = root(path);
    let mut known = PARTS.iter().map(|(name, ..)| name).chain(OPTIONAL).chain(SMALL.iter().map(|(name, _)| name));
    !matches!(root, "torch" | "numpy") && known.any(|name| *name == root)
}

/// Names of PyTorch's modules and how the library marks what belongs to them.
const MARKS: &[(&str, &str)] = &[
    ("torch", "torch_"),
    ("torch.special", "torch_"),
    ("torch.nn.functional", "F_"),
    ("torch.linalg", "linalg_"),
    ("torch.nn", "nn_"),
    ("torch.nn.utils", "utils_"),
    ("torch.nn.utils.parametrizations", "parametrizations_"),
    ("torch.func", "func_"),
    ("torch.utils._pytree", "tree_"),
    ("itertools", "itertools_"),
    ("operator", "operator_"),
    ("functools", "functools_"),
    ("numpy", "numpy_"),
    ("numpy.linalg", "numpy_linalg_"),
    ("torch.fft", "fft_"),
    ("torch.nn.init", "init_"),
    ("einops", "einops_"),
    ("einops.layers.torch", "layers_"),
];

/// The names that the library adds to one of PyTorch's modules.
pub fn additions(module: &str) -> Vec<&'static str> {
    let mark = MARKS.iter().find(|(m, _)| *m == module).map(|(_, mark)| *mark);
    let all = names(if root(module) == "numpy" { "numpy" } else { "torch" }).into_iter();
    mark.map_or_else(Vec::new, |mark| all.filter_map(|n| n.strip_prefix(mark)).collect())
}

/// Functions of the library that are methods of tensors too: their first parameter is `input`.
pub fn methods() -> Vec<&'static str> {
    let parsed: &'static [ModModule] = &PARSED;
    let defined = parsed.iter().zip(PARTS).filter(|(_, (name, ..))| *name == "torch").flat_map(|(m, _)| &m.body);
    let methods = defined.filter_map(|stmt| match stmt {
        Stmt::FunctionDef(f) => {
            let first = f.parameters.args.first().map(|p| p.parameter.name.as_str());
            f.name.as_str().strip_prefix("torch_").filter(|_| first == Some("input"))
        }
        _ => None,
    });
    methods.collect()
}

/// The library's module of this path: any path under its name serves.
pub fn module(path: &str) -> Option<&'static str> {
    if !covers(path) {
        return None;
    }
    if path == "scipy" {
        return None;
    }
    let small = SMALL.iter().map(|(name, _)| *name);
    PARTS.iter().map(|(name, ..)| *name).chain(OPTIONAL.iter().copied()).chain(small).find(|name| *name == root(path))
}

/// Names that a library offers.
pub fn names(library: &str) -> Vec<&'static str> {
    let mut names: Vec<_> = DEFINED.iter().filter(|(_, i)| PARTS[**i].0 == library).map(|(n, _)| *n).collect();
    names.sort_unstable();
    names
}

impl Interp<'_> {
    /// Something in the library, which is read when it is first asked for.
    pub fn library_attribute(&mut self, path: &str, name: &str) -> Eval<Value> {
        // A library's own meaning of a name that others use too.
        let own = DEFINED.get_key_value(format!("{}_{name}", root(path)).as_str()).map(|(name, _)| *name);
        let name = own.unwrap_or(name);
        if let Some((_, there)) = SMALL.iter().find(|(small, _)| *small == root(path)) {
            // Modules within it go by its name.
            let inner = name.starts_with(|c: char| c.is_lowercase()).then(|| module(path)).flatten();
            match (there.contains(&name), inner) {
                (true, _) => {}
                (false, Some(inner)) if inner == path => return Ok(Value::Module(inner)),
                _ => return self.unknown("function or class", &format!("{path}.{name}"), there.iter().copied()),
            }
        }
        let Some(&part) = DEFINED.get(name) else {
            if MODULES.contains(&name) {
                return Ok(Value::Module(module(path).expect("the path is the library's")));
            }
            return self.unknown("function or class", &format!("{path}.{name}"), names(root(path)).into_iter());
        };
        let scope = match &self.library {
            Some((scope, _)) => scope.clone(),
            None => {
                let scope = Scope::new(ScopeKind::Module, None, Rc::default());
                self.scopes.push(Rc::downgrade(&scope));
                self.library = Some((scope.clone(), vec![false; PARTS.len()]));
                scope
            }
        };
        for &needed in PARTS[part].1.iter().chain([&part]) {
            let (_, read) = self.library.as_mut().expect("just made");
            if !std::mem::replace(&mut read[needed], true) {
                self.in_library(|s| s.block(&PARSED[needed].body, &scope).map(drop))?;
            }
        }
        let value = scope.vars.borrow().get(name).cloned();
        Ok(value.expect("every name of the library is defined in it"))
    }

    /// What the library adds to one of PyTorch's modules.
    pub fn library_addition(&mut self, module: &str, name: &str) -> Eval<Option<Value>> {
        let mark = MARKS.iter().find(|(m, _)| *m == module).map(|(_, mark)| *mark);
        match mark.map(|mark| format!("{mark}{name}")).filter(|full| DEFINED.contains_key(full.as_str())) {
            Some(full) => self.library_attribute("torch", &full).map(Some),
            None => Ok(None),
        }
    }

    /// A method of tensors that the library defines.
    pub fn library_method(&mut self, name: &str) -> Eval<Option<Value>> {
        match methods().contains(&name) {
            true => self.library_addition("torch", name),
            false => Ok(None),
        }
    }

    /// Run text of the library: places are those of the caller, and what is refused is refused as a whole.
    pub fn in_library<T>(&mut self, f: impl FnOnce(&mut Self) -> Eval<T>) -> Eval<T> {
        self.library_depth += 1;
        let result = f(self);
        self.library_depth -= 1;
        result
    }
}
