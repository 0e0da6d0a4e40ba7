//! The reference page of the language, made from the tables that implement it.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::imports::MODULES;
use super::{Limits, arguments, builtins, library};
use crate::finding::FindingKind;

/// One page: what a candidate may import and call, what it is called with, and what is refused.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    let code = |names: &[&str]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let _ = writeln!(
        page,
        "Constructors are called by name with D for {}; with the number of heads for {}; everything else needs a \
         default or is given by `--arg`.\n",
        code(arguments::WIDTH),
        code(arguments::HEADS),
    );
    let limits = Limits::default();
    let _ = writeln!(
        page,
        "Bounds: {} interpreter steps, {} graph nodes, {} nested calls, {} elements of a tensor, {} entries of a \
         container or characters of a string. A Python loop over single time steps meets the bound on nodes: work in \
         chunks.\n",
        limits.ticks, limits.nodes, limits.calls, limits.elements, limits.length
    );
    let _ = writeln!(page, "## Imports\n{}, and from `fla` what is listed below.\n", code(MODULES));
    for (title, place) in
        [("torch", builtins::TORCH), ("torch.nn.functional", builtins::F), ("Tensor methods", builtins::METHOD)]
    {
        let own = match place {
            builtins::METHOD => library::methods(),
            _ => library::additions(title),
        };
        section(&mut page, title, builtins::names(place).chain(own));
    }
    section(&mut page, "torch.nn", builtins::classes().chain(library::additions("torch.nn")));
    section(&mut page, "fla", library::names("fla").into_iter());
    let _ = writeln!(page, "## Others\n");
    for (title, place) in [
        ("torch.linalg", builtins::LINALG),
        ("torch.special", builtins::SPECIAL),
        ("torch.fft", builtins::FFT),
        ("torch.nn.init", builtins::INIT),
        ("einops", builtins::EINOPS),
        ("math", builtins::MATH),
        ("Python", builtins::PYTHON),
    ] {
        let own = match place {
            builtins::LINALG | builtins::EINOPS => library::additions(title),
            _ => vec![],
        };
        item(&mut page, title, builtins::names(place).chain(own));
    }
    item(&mut page, "einops.layers.torch", library::additions("einops.layers.torch").into_iter());
    page.push('\n');
    let _ = writeln!(page, "## Refused\n{REFUSED}");
    for (name, why) in builtins::refused() {
        let _ = writeln!(page, "- `nn.{name}`: {why}.");
    }
    let _ = writeln!(page, "\n## Findings\n{FINDINGS}\n");
    let kinds = FindingKind::ALL.map(|kind| format!("`{kind}`: {}", kind.remedy()));
    wrap(&mut page, kinds.iter().flat_map(|kind| kind.split(' ')));
    page
}

fn section<'a>(page: &mut String, title: &str, names: impl Iterator<Item = &'a str>) {
    let _ = writeln!(page, "## {title}");
    wrap(page, sorted(names).into_iter());
    page.push('\n');
}

/// A section of few names.
fn item<'a>(page: &mut String, title: &str, names: impl Iterator<Item = &'a str>) {
    wrap(page, ["-", &format!("`{title}`:")].into_iter().chain(sorted(names)));
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    names.filter(|n| !n.contains(' ')).collect()
}

/// Words in lines of a page's width.
fn wrap<'a>(page: &mut String, words: impl Iterator<Item = &'a str>) {
    let mut line = String::new();
    for word in words {
        if line.len() + word.len() + 1 > 118 {
            let _ = writeln!(page, "{}", line.trim_end());
            line.clear();
        }
        let _ = write!(line, "{word} ");
    }
    let _ = writeln!(page, "{}", line.trim_end());
}

const INTRODUCTION: &str = "\
# The candidate language

This page is made from the implementation.

A candidate is one file of ordinary PyTorch text. The layer is the class that derives from `nn.Module` and whose `forward`
maps a float tensor [B, T, D] to [B, T, D]; helper functions and further classes are welcome. Where forward returns a tuple,
list or dict, the output is its first entry. Arguments of forward beside the first need defaults and are evaluated with
them (`attention_mask=None`, `past_key_values=None`, `use_cache=False`, `**kwargs`). `self.training` is true, dropout is
the identity, every float dtype is computed as float32.

Output t may depend on inputs up to t only, rows of the batch must not mix, and forward must leave no state behind: no
counter, cache or buffer that the next call would see. Functions, lambdas, closures, generators, comprehensions, f-strings,
`*args`, `**kwargs`, `try`, `with torch.no_grad()`, dataclasses, properties, static and class methods, in-place operations
and slice assignment work as in Python; `@torch.compile` and the like change nothing; `TYPE_CHECKING` is false.

";

const FINDINGS: &str = "\
The gate names the line of each fault and its kind. What to do about each kind:";

const REFUSED: &str = "\
- Control flow that depends on values of tensors (shapes are fine): use `torch.where` or a mask.
- Random numbers, new modules and new parameters in forward.
- Files, network, processes, `eval`, names with double underscores, `async`.
- `torch.fft`: mixes all time steps; use a causal convolution.";
