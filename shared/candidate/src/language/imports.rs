//! Imports: what there is, what means nothing at run time, and what is refused once it is used.

use std::rc::Rc;

use ruff_python_ast as ast;

use super::builtins;
use super::interp::{Eval, Interp, Stop};
use super::library;
use super::value::{Phase, Scope, Value};
use crate::finding::{Finding, FindingKind};

/// Modules that a candidate may import.
pub const MODULES: &[&str] = &[
    "torch",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.fft",
    "einops",
    "math",
    "typing",
    "dataclasses",
    "functools",
    "itertools",
    "collections",
    "contextlib",
    "numpy",
    "copy",
    "enum",
    "operator",
    "logging",
    "warnings",
    "abc",
    "__future__",
];

/// Modules whose contents mean nothing at run time.
const TYPING: &[&str] = &[
    "typing",
    "typing_extensions",
    "collections.abc",
    "types",
    "numbers",
    "jaxtyping",
    "beartype",
    "beartype.typing",
    "torch.types",
    "fla.models.utils",
    "fla.models.cache_utils",
    "transformers.cache_utils",
    "transformers.processing_utils",
    "transformers.modeling_outputs",
];

/// Modules that only report: whatever they offer does nothing and is false.
const SILENT: &[&str] = &[
    "logging",
    "transformers.utils",
    "transformers.integrations",
    "loguru",
    "torch.profiler",
    "huggingface_hub",
    "tqdm",
];

/// Decorators that change nothing about what a function computes.
const TRANSPARENT: &[&str] = &[
    "compile",
    "script",
    "overload",
    "cache",
    "lru_cache",
    "wraps",
    "abstractmethod",
    "allow_in_graph",
    "disable",
    "custom_fwd",
    "custom_bwd",
    "unique",
    "once_differentiable",
];

fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

impl<'a> Interp<'a> {
    pub(super) fn import(&mut self, s: &'a ast::StmtImport, scope: &Rc<Scope>) -> Eval<()> {
        for alias in &s.names {
            self.at(alias);
            let path = alias.name.as_str();
            let (name, value) = match &alias.asname {
                Some(name) => (name.as_str(), self.import_path(path)?),
                None => {
                    let whole = self.import_path(path)?;
                    let first = match whole {
                        Value::Missing(_) => whole,
                        _ => self.import_path(root(path))?,
                    };
                    (root(path), first)
                }
            };
            self.bind(name, value, scope)?;
        }
        Ok(())
    }

    pub(super) fn import_from(&mut self, s: &'a ast::StmtImportFrom, scope: &Rc<Scope>) -> Eval<()> {
        self.at(s);
        let path = s.module.as_ref().map_or("", |m| m.as_str());
        // Files of `transformers.models.x` name their own library by three dots.
        let whole = if s.level == 3 { format!("transformers.{path}") } else { path.to_owned() };
        let whole = whole.trim_end_matches('.');
        let from = match s.level {
            0 => self.import_path(path),
            3 if self.known_module(whole).is_some() => self.import_path(whole),
            n => self.absent(&format!("{}{path}", ".".repeat(n as usize))),
        };
        let path = if s.level == 3 { whole } else { path };
        let module = match from {
            Ok(module) => module,
            // Said once; the names are set aside, so that the rest is still read.
            Err(Stop::Fault(finding)) => {
                self.findings.push(*finding);
                Value::Poison
            }
            Err(other) => return Err(other),
        };
        for alias in &s.names {
            self.at(alias);
            let name = alias.name.as_str();
            let value = match &module {
                Value::Poison => Value::Poison,
                _ if name == "*" => return self.unsupported("'import *' is not supported"),
                Value::Missing(_) => module.clone(),
                _ if path == "__future__" => Value::None,
                module => self.import_name(module, path, name)?,
            };
            self.bind(alias.asname.as_ref().map_or(name, |n| n.as_str()), value, scope)?;
        }
        Ok(())
    }

    fn import_name(&mut self, module: &Value, path: &str, name: &str) -> Eval<Value> {
        match self.attribute(module, library::alias(path, name)) {
            // A library is larger than what is offered here: what is not used does not matter.
            Err(Stop::Fault(finding))
                if matches!(finding.kind, FindingKind::Name | FindingKind::Unsupported)
                    && !(root(path) == "fla" && finding.hint.starts_with("did you mean")) =>
            {
                Ok(Value::Missing(finding.into()))
            }
            other => other,
        }
    }

    /// A module that is imported: there, silent, missing until it is used, or refused.
    fn import_path(&mut self, path: &str) -> Eval<Value> {
        if let Some(module) = self.known_module(path) {
            return Ok(module);
        }
        if path == "os" && self.lines.mentions(&["os.environ", "os.getenv"]) {
            return Ok(Value::Module("os"));
        }
        self.absent(path)
    }

    /// Nothing stands behind it: an ImportError where the text is ready for one, else refused once it is used.
    fn absent(&mut self, path: &str) -> Eval<Value> {
        if self.try_depth > 0 {
            return self.raise("ImportError", format!("No module named '{path}'"));
        }
        let finding = match path.starts_with('.') {
            true => self.fault(FindingKind::Import, format!("import of '{path}': there are no other files")),
            false => self.import_finding(path),
        };
        let finding = match path.starts_with('.') {
            true => finding.hint("put the definitions into this file"),
            false => finding,
        };
        Ok(Value::Missing(finding.into()))
    }

    fn import_finding(&self, path: &str) -> Finding {
        self.fault(FindingKind::Import, format!("import of '{path}' is not allowed"))
            .hint(format!("allowed: {}, fla", MODULES.join(", ")))
    }

    fn known_module(&mut self, path: &str) -> Option<Value> {
        let within = |m: &str| path.strip_prefix(m).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if SILENT.iter().any(|m| within(m)) {
            return Some(Value::Silent);
        }
        if path == "transformers.initialization" {
            return Some(Value::Module("torch.nn.init"));
        }
        if TYPING.contains(&path) {
            return Some(Value::Module("typing"));
        }
        if let Some(known) = MODULES.iter().chain(builtins::INNER_MODULES).find(|m| **m == path) {
            return Some(Value::Module(known));
        }
        let offered = |m: &&'static str| self.accelerated || !library::OPTIONAL.contains(m);
        library::module(path).filter(offered).map(Value::Module)
    }

    /// Something in a module.
    pub fn module_attribute(&mut self, module: &'static str, name: &str) -> Eval<Value> {
        if module == "typing" {
            return Ok(match name {
                "TYPE_CHECKING" => Value::Bool(false),
                "NamedTuple" => Value::Class(self.classes["NamedTuple"].clone()),
                "cast" => Value::Native(builtins::cast()),
                "SimpleNamespace" => return self.library_attribute("torch", name),
                _ => Value::Typing,
            });
        }
        let path = format!("{module}.{name}");
        if path == "transformers.initialization" {
            return Ok(Value::Module("torch.nn.init"));
        }
        // What only tells of other packages is false.
        if module == "transformers" && (name.starts_with("is_") || name.contains("_supports_")) {
            return Ok(Value::Silent);
        }
        if library::covers(module) {
            return self.library_attribute(module, name);
        }
        if let Some(known) = self.known_module(&path) {
            return Ok(known);
        }
        // How memory is laid out changes no number.
        if module == "torch" && matches!(name, "contiguous_format" | "preserve_format" | "channels_last" | "strided") {
            return Ok(Value::Silent);
        }
        if let Some(transparent) = TRANSPARENT.iter().find(|t| **t == name)
            && matches!(
                module,
                "torch"
                    | "torch.jit"
                    | "functools"
                    | "abc"
                    | "torch.compiler"
                    | "torch._dynamo"
                    | "torch.amp"
                    | "torch.cuda.amp"
                    | "torch.autograd.function"
                    | "enum"
            )
        {
            return Ok(Value::Decorator(transparent));
        }
        // Functions of numbers take arrays as well in numpy.
        if module == "numpy"
            && let Some(value) = self.library_addition(module, name)?
        {
            return Ok(value);
        }
        if let Some(value) = builtins::module_constant(self, module, name) {
            return Ok(value);
        }
        if let Some(value) = self.library_addition(module, name)? {
            return Ok(value);
        }
        if self.phase == Phase::Forward && builtins::draws(name) {
            return Err(builtins::random_in_forward(self).into());
        }
        if let Some(why) = builtins::refusal(module, name) {
            return Err(self.fault(FindingKind::Unsupported, format!("'{path}' is not supported")).hint(why).into());
        }
        let mut known = builtins::names_in(self, module);
        known.extend(library::additions(module).into_iter().map(str::to_owned));
        self.unknown("function or class", &path, known.iter().map(String::as_str))
    }

    /// What stops the use of something that was imported and is not there.
    pub fn missing(&self, finding: &Rc<Finding>) -> Stop {
        Stop::Fault(Box::new((**finding).clone()))
    }
}
