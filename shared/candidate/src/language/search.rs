//! Which class of the text is the layer, with which arguments and on what machine.

use ruff_python_ast::{self as ast, Expr, Stmt};

use super::find::candidates;
use super::interp::Interp;
use super::parse::{Lines, parse, precheck};
use super::root::run;
use super::{ArgValue, Attempt, Dims, Note, Options};
use crate::finding::{Finding, FindingKind};
use crate::ir::Span;

/// Reserved for the parser's and the interpreter's recursion; only what is used is ever touched.
const STACK: usize = 512 << 20;

/// The most sets of other arguments that are tried.
const TRIALS: usize = 10;

/// Words of a text that asks for an accelerator or for what needs one.
const ACCELERATOR: &[&str] = &["cuda", "flash_attn", "mamba_ssm", "causal_conv1d", "fast_transformers"];

/// Trace on a thread of its own with a large stack.
pub fn attempt(source: &str, dims: &Dims, options: &Options) -> Attempt {
    if let Some(finding) = precheck(source) {
        return refused(finding);
    }
    let traced = std::thread::scope(|scope| {
        let run = || attempt_here(source, dims, options);
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).map(|thread| thread.join())
    });
    match traced {
        Ok(Ok(attempt)) => attempt,
        Ok(Err(_)) => refused(Finding::new(
            FindingKind::Unsupported,
            Span::default(),
            "the tracer failed on this text, which is a defect of move37",
        )),
        Err(error) => {
            refused(Finding::new(FindingKind::Limit, Span::default(), format!("no thread for the tracer: {error}")))
        }
    }
}

fn refused(finding: Finding) -> Attempt {
    Attempt { findings: vec![finding], ..Attempt::default() }
}

/// Why a class is not the layer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// It is the layer, and it was refused.
    Refused,
    /// It does not map [B, T, D] to [B, T, D] or cannot be constructed from the model's dimensions.
    Unfit,
}

/// What every try has in common.
struct Search<'t> {
    lines: &'t Lines,
    module: &'t ast::ModModule,
    dims: &'t Dims,
    options: &'t Options,
}

fn attempt_here(source: &str, dims: &Dims, options: &Options) -> Attempt {
    let lines = Lines::new(source);
    let module = match parse(&lines) {
        Ok(module) => module,
        Err(findings) => return Attempt { findings, ..Attempt::default() },
    };
    let names = match candidates(&module, options) {
        Ok(names) => names,
        Err(finding) => return refused(finding),
    };
    let search = Search { lines: &lines, module: &module, dims, options };
    let plain = search.first_fit(&names, Around { accelerated: false, training: true });
    let spent = plain.findings.iter().any(|f| f.kind == FindingKind::Limit);
    if plain.traced.is_some() || spent {
        return plain;
    }
    let mut furthest = plain;
    for around in search.others(&furthest.findings) {
        let mut other = search.first_fit(&names, around);
        if let Some(traced) = &mut other.traced {
            let notes = around.notes(furthest.findings.first());
            traced.notes.extend(notes.into_iter().map(|text| Note { line: 1, text }));
            return other;
        }
        let reached = |a: &Attempt| a.partial.as_ref().map_or(0, |g| g.nodes().len());
        if around.training && reached(&other) > reached(&furthest) {
            furthest = other;
        }
    }
    furthest
}

/// What a text finds around it.
#[derive(Clone, Copy)]
struct Around {
    /// An accelerator and the packages that need one, whose meaning is in the library.
    accelerated: bool,
    /// What `self.training` is.
    training: bool,
}

impl Around {
    fn notes(self, refused: Option<&Finding>) -> Vec<String> {
        let mut notes = Vec::new();
        if self.accelerated {
            notes.push("traced as on a CUDA device, with flash_attn, mamba_ssm and causal_conv1d".to_owned());
        }
        if !self.training {
            let why = refused.map_or_else(String::new, |f| format!(": line {}, {}", f.line, f.message));
            notes.push(format!("traced with self.training false, since in training it is refused{why}"));
        }
        notes
    }
}

impl Search<'_> {
    /// Some texts do nothing without an accelerator; some demand in training what this length does not give, or draw
    /// random numbers there, which are left out as dropout is.
    fn others(&self, findings: &[Finding]) -> Vec<Around> {
        let raised = |f: &Finding| f.kind == FindingKind::Type || f.message.starts_with("random numbers in forward");
        let resting = self.lines.mentions(&["training"]) && findings.iter().all(raised);
        let mut others = Vec::new();
        for training in [true, false] {
            for accelerated in [false, true] {
                let possible = (training || resting) && (!accelerated || self.lines.mentions(ACCELERATOR));
                if possible && (accelerated || !training) {
                    others.push(Around { accelerated, training });
                }
            }
        }
        others
    }

    /// A class that is unfit yields to the next; the first one's findings stand if none fits.
    fn first_fit(&self, names: &[String], around: Around) -> Attempt {
        let mut first = None;
        for name in names.iter().take(4) {
            let (attempt, miss) = self.fitted(name, around);
            match miss {
                Some(Miss::Unfit) => drop(first.get_or_insert(attempt)),
                _ => return attempt,
            }
        }
        first.unwrap_or_else(|| {
            refused(
                Finding::new(FindingKind::Name, Span { line: 1, column: 1 }, "the text defines no nn.Module")
                    .hint("define a class that derives from nn.Module and maps [B, T, D] to [B, T, D]"),
            )
        })
    }

    fn once(&self, name: &str, dims: &Dims, around: Around) -> (Attempt, Option<Miss>) {
        let mut tracer = Interp::new(self.lines, self.options.limits);
        (tracer.accelerated, tracer.training) = (around.accelerated, around.training);
        let result = run(&mut tracer, self.module, name, dims);
        tracer.release();
        result
    }

    /// Trace a class; where its defaults do not fit the model's dimensions, with others: each alone, then all.
    fn fitted(&self, name: &str, around: Around) -> (Attempt, Option<Miss>) {
        let (attempt, miss) = self.once(name, self.dims, around);
        let misfit = |f: &Finding| matches!(f.kind, FindingKind::Type | FindingKind::Shape);
        if miss != Some(Miss::Refused) || !attempt.findings.iter().all(misfit) {
            return (attempt, miss);
        }
        for trial in self.trials(name) {
            let mut dims = self.dims.clone();
            dims.args.extend(trial.iter().map(|(n, v)| (n.clone(), ArgValue::Int(*v as i64))));
            let (mut other, miss) = self.once(name, &dims, around);
            if let Some(traced) = &mut other.traced {
                let taken: Vec<String> = trial.iter().map(|(n, v)| format!("{n}={v}")).collect();
                let text = format!(
                    "constructed with {}, since the default does not fit; --arg chooses another value",
                    taken.join(", ")
                );
                let line = self.class(name).map_or(1, |c| self.lines.span(c.name.range.start()).line);
                traced.notes.push(Note { line, text });
                return (other, miss);
            }
        }
        (attempt, miss)
    }

    fn class(&self, name: &str) -> Option<&ast::StmtClassDef> {
        self.module.body.iter().find_map(|stmt| match stmt {
            Stmt::ClassDef(c) if c.name.as_str() == name => Some(c),
            _ => None,
        })
    }

    fn trials(&self, name: &str) -> Vec<Vec<(String, usize)>> {
        let mut names = Vec::new();
        let mut class = self.class(name);
        // Its own constructor or that of a base, and the fields of configurations.
        for _ in 0..8 {
            let Some(here) = class else { break };
            if parameters(here, &mut names) {
                break;
            }
            let base = here.arguments.as_ref().and_then(|a| a.args.first());
            class = base.and_then(|b| if let Expr::Name(n) = b { self.class(n.id.as_str()) } else { None });
        }
        if names.iter().any(|n| matches!(n.as_str(), "config" | "cfg")) {
            for stmt in &self.module.body {
                if let Stmt::ClassDef(c) = stmt
                    && c.name.as_str().ends_with("Config")
                {
                    parameters(c, &mut names);
                    names.extend(c.body.iter().filter_map(|s| match s {
                        Stmt::AnnAssign(a) => a.target.as_name_expr().map(|n| n.id.to_string()),
                        _ => None,
                    }));
                }
            }
        }
        let free = names.into_iter().filter(|n| !self.dims.args.contains_key(n));
        let changes: Vec<(String, usize)> = free.filter_map(|n| alternative(&n, self.dims).map(|v| (n, v))).collect();
        let (place, sizes): (Vec<_>, Vec<_>) = changes.iter().cloned().partition(|(n, _)| n.contains("layer"));
        let mut trials: Vec<Vec<(String, usize)>> = sizes.iter().map(|c| vec![c.clone()]).collect();
        // Where a layer stands is one question.
        if !place.is_empty() {
            trials.insert(0, place);
        }
        // Inner widths of twice the model's are common.
        trials.extend(sizes.iter().map(|(n, v)| vec![(n.clone(), 2 * v)]));
        if sizes.len() > 1 || trials.len() > 2 * sizes.len() {
            trials.push(changes);
        }
        trials.truncate(TRIALS);
        trials
    }
}

/// The names that a class's own constructor takes; whether it has one.
fn parameters(class: &ast::StmtClassDef, names: &mut Vec<String>) -> bool {
    let init = class.body.iter().find_map(|stmt| match stmt {
        Stmt::FunctionDef(f) if f.name.as_str() == "__init__" => Some(f),
        _ => None,
    });
    let Some(init) = init else { return false };
    let all = init.parameters.args.iter().skip(1).chain(&init.parameters.kwonlyargs);
    names.extend(all.map(|p| p.parameter.name.to_string()));
    true
}

/// What else a constructor's argument may be.
fn alternative(name: &str, dims: &Dims) -> Option<usize> {
    let head = dims.d_model / dims.num_heads.max(1);
    match name {
        // Unknown where the defaults are to stand.
        _ if dims.num_heads == 0 => None,
        "head_dim" | "d_head" | "dim_head" | "head_size" | "headdim" | "expand_ratio" | "head_v_dim"
        | "feature_dim" => Some(head),
        "num_kv_heads" | "num_key_value_heads" | "n_kv_heads" | "kv_heads" | "num_v_heads" => Some(dims.num_heads),
        "layer_idx" | "layer_id" | "layer_index" => Some(0),
        "num_hidden_layers" | "num_layers" | "n_layers" | "n_layer" => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn all_that_a_trace_made_is_given_back() {
        let text = "\
import torch, torch.nn as nn
from dataclasses import dataclass
from enum import Enum
from fla.modules import RMSNorm

class Kind(Enum):
    ONE = 1

@dataclass
class Options:
    scale: float = 2.0

class Norm(RMSNorm):
    def forward(self, x):
        return super().forward(x)

class Mixer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.me = [self]
        self.norm = Norm(d_model)
        self.call = lambda x: self.norm(x) * Options().scale

    def forward(self, x):
        return self.call(x) if Kind.ONE is Kind.ONE else x
";
        let lines = Lines::new(text);
        let module = parse(&lines).unwrap();
        let mut tracer = Interp::new(&lines, Options::default().limits);
        let dims = Dims { batch: 2, time: 8, d_model: 8, num_heads: 2, args: Default::default() };
        let (attempt, _) = run(&mut tracer, &module, "Mixer", &dims);
        assert!(attempt.traced.is_some(), "{:?}", attempt.findings);
        let (scopes, objects, classes) = (tracer.scopes.clone(), tracer.objects.clone(), tracer.user_classes.clone());
        assert!(scopes.len() > 4 && objects.len() > 2 && classes.len() >= 4);
        tracer.release();
        drop((tracer, attempt));
        assert_eq!(scopes.iter().filter(|s| s.strong_count() > 0).count(), 0);
        assert_eq!(objects.iter().filter(|o| o.strong_count() > 0).count(), 0);
        assert_eq!(classes.iter().filter(|c| c.strong_count() > 0).count(), 0);
    }
}
