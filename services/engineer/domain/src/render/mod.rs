//! Policy: a genome as PyTorch text.
//!
//! One genome has one text. Relatives differ in few lines, nothing is in the text that the genome does not use, and
//! the seed programs under `shared/candidate/seeds/` are the texts of [`Genome::published`]. A genome around an
//! operator's program keeps that program's text as it is and adds a class that wraps its class.

mod docstring;
mod helpers;
mod layer;
mod names;

use move37_core::Hash;
use move37_events::genome::{Decay, Genome, Path};

/// Longest line of a text.
const WIDTH: usize = 118;

/// Stands for the operator's class until our names are told apart from theirs: their class may bear one of them.
const PROGRAM: &str = "<program>";

/// An operator's program, to be built around.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// Its text.
    pub source: &'a str,
    /// Its class that mixes the sequence, constructed with the width alone.
    pub class: &'a str,
}

/// Why a genome has no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is built around a program whose text or class is not known.
    #[error("the program {0} that it is built around is not known")]
    NoProgram(Hash),
}

/// The program around which a genome is built, where there is one.
pub fn program_of(genome: &Genome) -> Option<Hash> {
    genome.paths.iter().find_map(|path| match path {
        Path::Program { hash } => Some(*hash),
        Path::Attention | Path::Delta { .. } | Path::Linear { .. } | Path::Fir { .. } | Path::Value => None,
    })
}

/// The text of a genome. `base` is the program that it is built around, if it is.
///
/// # Errors
/// It is built around a program, and `base` is none.
pub fn render(genome: &Genome, base: Option<Base<'_>>) -> Result<String, Error> {
    match (program_of(genome), base) {
        (None, _) => Ok(alone(genome)),
        (Some(_), Some(base)) => Ok(around(genome, base)),
        (Some(hash), None) => Err(Error::NoProgram(hash)),
    }
}

fn alone(genome: &Genome) -> String {
    let class = layer::class(genome, None, "");
    let body = body(genome, &class);
    let imports = imports(&body).concat();
    format!("\"\"\"{}\"\"\"\n\n{imports}{body}", docstring::text(genome, WIDTH))
}

fn around(genome: &Genome, base: Base<'_>) -> String {
    let docstring = docstring::text(genome, WIDTH - 4).replace('\n', "\n    ");
    let docstring = docstring.trim_end_matches(' ');
    let class = layer::class(genome, Some(PROGRAM), &format!("    \"\"\"{docstring}    \"\"\"\n\n"));
    let body = names::apart(&body(genome, &class), base.source).replace(PROGRAM, base.class);
    let known: Vec<&str> = base.source.lines().collect();
    let imports: String = imports(&body).into_iter().filter(|line| !known.contains(&line.trim_end())).collect();
    let gap = if imports.is_empty() { "" } else { "\n\n" };
    format!("{}\n{gap}{imports}{body}", base.source.trim_end())
}

/// Everything below the imports: the functions that the class needs, and the class.
fn body(genome: &Genome, class: &str) -> String {
    let has = |wanted: fn(&Path) -> bool| genome.paths.iter().any(wanted);
    let delta = genome.paths.iter().find_map(|path| match path {
        Path::Delta { decay, .. } => Some(*decay),
        _ => None,
    });
    let linear = genome.paths.iter().find_map(|path| match path {
        Path::Linear { decay } => Some(*decay),
        _ => None,
    });
    let mut parts = Vec::new();
    if genome.short_convolution > 0 || has(|path| matches!(path, Path::Fir { .. })) {
        parts.push(helpers::CAUSAL_FILTER);
    }
    if delta.is_some() || linear.is_some() {
        parts.push(helpers::CHUNKS);
    }
    if let Some(decay) = delta {
        parts.push(helpers::UNIT_LOWER_INVERSE);
        parts.push(if decay == Decay::None { helpers::DELTA_RULE } else { helpers::DECAYED_DELTA_RULE });
    }
    if let Some(decay) = linear {
        parts.push(if decay == Decay::None { helpers::LINEAR_ATTENTION } else { helpers::DECAYED_LINEAR_ATTENTION });
    }
    if has(|path| matches!(path, Path::Attention)) {
        parts.push(helpers::ATTENTION);
    }
    parts.push(class);
    let chunk = if delta.is_some() || linear.is_some() { format!("\n{}", helpers::CHUNK) } else { String::new() };
    format!("{chunk}\n{}", parts.join("\n"))
}

fn imports(body: &str) -> Vec<&'static str> {
    let mut lines = Vec::new();
    if body.contains("torch.") {
        lines.push("import torch\n");
    }
    lines.push("import torch.nn as nn\n");
    if body.contains("F.") {
        lines.push("import torch.nn.functional as F\n");
    }
    lines.push("from einops import rearrange\n");
    lines
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_seed_programs_are_the_texts_of_the_published_genomes() {
        for (name, genome) in Genome::published() {
            let file = format!("{}/../../../shared/candidate/seeds/{name}.py", env!("CARGO_MANIFEST_DIR"));
            assert_eq!(render(&genome, None).unwrap(), std::fs::read_to_string(&file).unwrap(), "{file}");
        }
    }
    #[test]
    fn an_operators_class_keeps_its_name_even_where_it_is_ours() {
        let hash = Hash::of(b"theirs");
        let [.., (_, two)] = Genome::published();
        let genome = Genome { paths: vec![two.paths[0], Path::Program { hash }], ..two };
        let source = "def delta_rule(x):\n    return x\n\n\nclass Mixer(nn.Module):\n    ...\n";
        let text = render(&genome, Some(Base { source, class: "Mixer" })).unwrap();
        assert!(text.starts_with(source.trim_end()));
        for line in
            ["class Mixer_2(nn.Module):", "self.program = Mixer(d_model)", "delta = delta_rule_2(q, k, v, beta)"]
        {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!(render(&genome, None), Err(Error::NoProgram(hash)));
    }
}
