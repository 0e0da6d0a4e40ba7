//! What a rendered program says about itself.

use move37_events::genome::{Decay, Feature, Fusion, Genome, OutputGate, Path};

/// The design in one line, then its components with their sources; without quotation marks. Lines have at
/// most `width`, opening quotation marks included; ends in a newline.
pub fn text(genome: &Genome, width: usize) -> String {
    let paths: Vec<String> = genome.paths.iter().map(Path::to_string).collect();
    let fusion = match genome.fusion {
        _ if paths.len() == 1 && genome.fusion == Fusion::Sum => "",
        Fusion::Sum => ", summed",
        Fusion::Router { .. } => ", mixed by a softmax router",
        Fusion::Gates => ", each behind a sigmoid gate",
    };
    let heads = if genome.heads == 1 { "1 head".to_owned() } else { format!("{} heads", genome.heads) };
    let title = format!("Sequence mixer of {heads}: {}{fusion}.", paths.join(" + "));
    let mut items = Vec::new();
    items.extend(projections(genome));
    items.extend(genome.paths.iter().map(path));
    items.extend(fused(genome));
    items.extend(output(genome));
    let mut text = wrapped(&title, "", width - 3);
    text.push('\n');
    for item in items {
        // An item may have several lines; each is wrapped by itself.
        for (i, line) in item.lines().enumerate() {
            text.push_str(&wrapped(&format!("{}{line}", if i == 0 { "- " } else { "  " }), "  ", width));
        }
    }
    text
}

fn projections(genome: &Genome) -> Option<String> {
    let what = match () {
        () if genome.uses_keys() => "queries, keys, values",
        () if genome.paths.iter().any(Path::uses_values) => "values",
        () => return None,
    };
    let convolution = match genome.short_convolution {
        0 => String::new(),
        taps => format!(", then a causal convolution of {taps} taps"),
    };
    let feature = match genome.feature {
        Feature::Identity => None,
        Feature::Silu => Some("SiLU"),
        Feature::Relu => Some("ReLU"),
        Feature::EluPlusOne => Some("elu + 1"),
    };
    let keys = match (feature, genome.unit_qk) {
        (None, false) => String::new(),
        (None, true) => "; queries and keys of unit length".to_owned(),
        (Some(feature), false) => format!("; {feature} on queries and keys"),
        (Some(feature), true) => format!("; {feature} on queries and keys, of unit length"),
    };
    Some(format!("{what}: one projection{convolution}{keys}"))
}

fn path(path: &Path) -> String {
    let decayed = |decay: &Decay| match decay {
        Decay::None => ("", ""),
        Decay::Fixed => ("a ", "\nwith a fixed decay per head (RetNet, arXiv:2307.08621)"),
        Decay::Head => {
            ("a ", "\nwith a decay per head and token (Gated DeltaNet, arXiv:2412.06464; Mamba-2, arXiv:2405.21060)")
        }
    };
    match path {
        Path::Attention => "causal softmax attention (Vaswani et al. 2017, arXiv:1706.03762)".to_owned(),
        Path::Delta { decay, negative } => {
            let (a, source) = decayed(decay);
            let negative = match negative {
                false => "",
                true => "\nwith beta up to 2, hence eigenvalues down to -1 (Grazzi et al. 2024, arXiv:2411.12537)",
            };
            format!(
                "delta rule, S <- {a}S (I - beta k k^T) + beta v k^T (Yang et al. 2024, arXiv:2406.06484){source}{negative}"
            )
        }
        Path::Linear { decay } => {
            let (a, source) = decayed(decay);
            format!("linear attention, S <- {a}S + v k^T (Katharopoulos et al. 2020, arXiv:2006.16236){source}")
        }
        Path::Fir { taps } => format!(
            "causal filter of {taps} taps per channel on the values, at first the identity (ASI-Arch, arXiv:2507.18074)"
        ),
        Path::Value => "the values themselves".to_owned(),
        Path::Program { .. } => "the program given by the operator, as it is".to_owned(),
    }
}

fn fused(genome: &Genome) -> Option<String> {
    match genome.fusion {
        Fusion::Sum => None,
        Fusion::Router { temperature, floor } => {
            let temperature = if temperature { "a learned temperature per head" } else { "no temperature" };
            let floor = if floor > 0 { format!("a floor of {floor} %") } else { "no floor".to_owned() };
            Some(format!("router: softmax over the paths per token and head, with {temperature} and {floor}"))
        }
        Fusion::Gates => Some("gates: a sigmoid per path, token and head".to_owned()),
    }
}

fn output(genome: &Genome) -> Option<String> {
    let norm = genome.output_norm.then_some("RMS norm per head");
    let gate = match genome.output_gate {
        OutputGate::None => None,
        OutputGate::Sigmoid => Some("sigmoid gate"),
        OutputGate::Silu => Some("SiLU gate"),
    };
    let parts: Vec<&str> = [norm, gate].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("output: {}", parts.join(", ")))
}

/// A line broken between words; further lines are indented.
fn wrapped(line: &str, indent: &str, width: usize) -> String {
    let indent_of_line = &line[..line.len() - line.trim_start().len()];
    let mut lines = vec![indent_of_line.to_owned()];
    for word in line.split_whitespace() {
        let last = lines.last_mut().expect("it begins with one line");
        if last.trim().is_empty() {
            last.push_str(word);
        } else if last.len() + 1 + word.len() <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(format!("{indent}{word}"));
        }
    }
    lines.join("\n") + "\n"
}
