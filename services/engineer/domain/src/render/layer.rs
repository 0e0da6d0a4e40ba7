//! The class of a rendered program.

use move37_events::genome::{Decay, Feature, Fusion, Genome, OutputGate, Path};

/// The class's text, after a blank line. `program` is the operator's class that it wraps, where it does.
pub fn class(genome: &Genome, program: Option<&str>, docstring: &str) -> String {
    let indented = |lines: Vec<String>| lines.iter().map(|line| format!("        {line}\n")).collect::<String>();
    format!(
        "\nclass Mixer(nn.Module):\n{docstring}    def __init__(self, d_model: int):\n{}\n    \
         def heads(self, x):\n        return rearrange(x, \"b t (h d) -> b h t d\", h=self.num_heads)\n\n    \
         def forward(self, x):\n{}",
        indented(init(genome, program)),
        indented(forward(genome)),
    )
}

fn init(genome: &Genome, program: Option<&str>) -> Vec<String> {
    // Heads belong to the design. As a constructor argument they would be set by the model around the layer.
    let mut lines = vec![
        "super().__init__()".to_owned(),
        format!("num_heads = {}", genome.heads),
        "self.num_heads = num_heads".to_owned(),
    ];
    let channels = if genome.uses_keys() { "3 * d_model" } else { "d_model" };
    if genome.uses_keys() {
        lines.push("self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)".to_owned());
    } else if genome.paths.iter().any(Path::uses_values) {
        lines.push("self.value = nn.Linear(d_model, d_model, bias=False)".to_owned());
    }
    if genome.short_convolution > 0 {
        let taps = genome.short_convolution;
        lines.push(format!("self.short_filter = nn.Parameter(torch.randn({channels}, 1, {taps}) * {taps}**-0.5)"));
    }
    for path in &genome.paths {
        match path {
            Path::Attention | Path::Value => {}
            Path::Delta { decay, .. } => {
                lines.push("self.beta = nn.Linear(d_model, num_heads)".to_owned());
                lines.extend(decay_parameters("delta", *decay));
            }
            Path::Linear { decay } => lines.extend(decay_parameters("linear", *decay)),
            Path::Fir { taps } => {
                let before = taps.saturating_sub(1);
                lines.push(format!(
                    "self.filter_{taps} = nn.Parameter(F.pad(torch.ones(d_model, 1, 1), ({before}, 0)))"
                ));
            }
            Path::Program { .. } => {
                lines.extend(program.map(|class| format!("self.program = {class}(d_model)")));
            }
        }
    }
    let paths = genome.paths.len();
    match genome.fusion {
        Fusion::Sum => {}
        Fusion::Router { temperature, .. } => {
            lines.push(format!("self.router = nn.Linear(d_model, {paths} * num_heads)"));
            if temperature {
                lines.push("self.log_temperature = nn.Parameter(torch.zeros(num_heads, 1, 1))".to_owned());
            }
        }
        Fusion::Gates => lines.push(format!("self.path_gates = nn.Linear(d_model, {paths} * num_heads)")),
    }
    if genome.output_norm {
        lines.push("self.norm = nn.RMSNorm(d_model // num_heads, eps=1e-5)".to_owned());
    }
    if genome.output_gate != OutputGate::None {
        lines.push("self.gate = nn.Linear(d_model, d_model, bias=False)".to_owned());
    }
    lines.push("self.out = nn.Linear(d_model, d_model, bias=False)".to_owned());
    lines
}

fn decay_parameters(path: &str, decay: Decay) -> Vec<String> {
    match decay {
        Decay::None => vec![],
        Decay::Fixed => vec![format!(
            "self.register_buffer(\"{path}_log_decay\", torch.log(1 - 2.0 ** (-5 - torch.arange(num_heads))))"
        )],
        Decay::Head => vec![
            format!("self.{path}_rate = nn.Parameter(-1.0 - torch.arange(num_heads).float())"),
            format!("self.{path}_decay = nn.Linear(d_model, num_heads)"),
        ],
    }
}

fn forward(genome: &Genome) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(projections(genome));
    for path in &genome.paths {
        if let Path::Fir { taps } = path {
            lines.push(format!("filtered_{taps} = self.heads(causal_filter(v, self.filter_{taps}))"));
        }
    }
    if genome.uses_keys() {
        lines.push("q, k, v = self.heads(q), self.heads(k), self.heads(v)".to_owned());
        lines.push(match genome.unit_qk {
            true => "q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)".to_owned(),
            false => "q = q * q.shape[-1] ** -0.5".to_owned(),
        });
    } else if genome.paths.contains(&Path::Value) {
        lines.push("v = self.heads(v)".to_owned());
    }
    lines.extend(mixed(genome));
    if genome.output_norm {
        lines.push("mixed = self.norm(mixed)".to_owned());
    }
    lines.push("mixed = rearrange(mixed, \"b h t d -> b t (h d)\")".to_owned());
    match genome.output_gate {
        OutputGate::None => {}
        OutputGate::Sigmoid => lines.push("mixed = mixed * torch.sigmoid(self.gate(x))".to_owned()),
        OutputGate::Silu => lines.push("mixed = mixed * F.silu(self.gate(x))".to_owned()),
    }
    lines.push("return self.out(mixed)".to_owned());
    lines
}

fn projections(genome: &Genome) -> Vec<String> {
    let short = genome.short_convolution > 0;
    let filtered = |projected: &str| match short {
        true => format!("causal_filter({projected}, self.short_filter)"),
        false => projected.to_owned(),
    };
    if !genome.uses_keys() {
        let mut lines = Vec::new();
        if genome.paths.iter().any(Path::uses_values) {
            lines.push(format!("v = {}", filtered("self.value(x)")));
            lines.extend(short.then(|| "v = F.silu(v)".to_owned()));
        }
        return lines;
    }
    let mut lines = vec![format!("qkv = {}", filtered("self.qkv(x)")), "q, k, v = qkv.chunk(3, dim=-1)".to_owned()];
    let feature = match genome.feature {
        Feature::Identity => None,
        Feature::Silu => Some("F.silu(q), F.silu(k)"),
        Feature::Relu => Some("F.relu(q), F.relu(k)"),
        Feature::EluPlusOne => Some("F.elu(q) + 1, F.elu(k) + 1"),
    };
    lines.extend(match (feature, short) {
        (None, false) => None,
        (None, true) => Some("v = F.silu(v)".to_owned()),
        (Some(feature), false) => Some(format!("q, k = {feature}")),
        (Some(feature), true) => Some(format!("q, k, v = {feature}, F.silu(v)")),
    });
    lines
}

/// The paths and their fusion, up to `mixed: [B, H, T, D]`.
fn mixed(genome: &Genome) -> Vec<String> {
    let mut lines = Vec::new();
    let mut names = Vec::new();
    let single = genome.paths.len() == 1 && genome.fusion == Fusion::Sum;
    for path in &genome.paths {
        let (name, value) = match path {
            Path::Attention => ("attended".to_owned(), Some("attention(q, k, v)".to_owned())),
            Path::Delta { decay, negative } => {
                let scale = if *negative { "2 * " } else { "" };
                lines.push(format!("beta = {scale}torch.sigmoid(self.heads(self.beta(x)))"));
                let (line, argument) = decay_value("delta", *decay);
                lines.extend(line);
                ("delta".to_owned(), Some(format!("delta_rule(q, k, v, beta{argument})")))
            }
            Path::Linear { decay } => {
                let (line, argument) = decay_value("linear", *decay);
                lines.extend(line);
                ("linear".to_owned(), Some(format!("linear_attention(q, k, v{argument})")))
            }
            Path::Fir { taps } => (format!("filtered_{taps}"), None),
            Path::Value => ("v".to_owned(), None),
            Path::Program { .. } => ("program".to_owned(), Some("self.heads(self.program(x))".to_owned())),
        };
        let target = if single { "mixed" } else { &name };
        lines.extend(value.map(|value| format!("{target} = {value}")));
        names.push(name);
    }
    let weighted = || {
        let terms = names.iter().enumerate().map(|(i, name)| format!("weights[..., {i}:{}] * {name}", i + 1));
        format!("mixed = {}", terms.collect::<Vec<_>>().join(" + "))
    };
    match genome.fusion {
        Fusion::Sum if single => {}
        Fusion::Sum => lines.push(format!("mixed = {}", names.join(" + "))),
        Fusion::Router { temperature, floor } => {
            let temperature = if temperature { " / self.log_temperature.exp()" } else { "" };
            lines.push(format!("weights = torch.softmax(self.heads(self.router(x)){temperature}, dim=-1)"));
            if floor > 0 {
                let rest = 100u32.saturating_sub(floor * names.len() as u32);
                lines.push(format!("weights = {} + {} * weights", percent(floor), percent(rest)));
            }
            lines.push(weighted());
        }
        Fusion::Gates => {
            lines.push("weights = torch.sigmoid(self.heads(self.path_gates(x)))".to_owned());
            lines.push(weighted());
        }
    }
    lines
}

fn decay_value(path: &str, decay: Decay) -> (Option<String>, &'static str) {
    match decay {
        Decay::None => (None, ""),
        Decay::Fixed => {
            (Some(format!("log_decay = self.{path}_log_decay[:, None, None].expand(*q.shape[:3], 1)")), ", log_decay")
        }
        Decay::Head => (
            Some(format!("log_decay = self.heads(-self.{path}_rate.exp() * F.softplus(self.{path}_decay(x)))")),
            ", log_decay",
        ),
    }
}

fn percent(n: u32) -> String {
    (f64::from(n) / 100.0).to_string()
}
