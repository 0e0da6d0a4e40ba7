//! Planted faults and clean programs.

use move37_candidate::cost::ComplexityClass;
use move37_candidate::finding::{Finding, FindingKind};
use move37_candidate::gate::{GateConfig, GateReport, Known, Proof, check};
use move37_candidate::ir::canonical_hash;
use move37_candidate::language::{Options, trace};

use super::language::{layer, ok};
use super::seeds::{SEEDS, dims};

fn config() -> GateConfig {
    GateConfig { max_complexity: ComplexityClass::Quadratic, ..GateConfig::new(dims(1, 128)) }
}

fn gate(init: &str, forward: &str) -> GateReport {
    check(&layer(init, forward), &config())
}

fn of(report: &GateReport, kind: FindingKind) -> Vec<&Finding> {
    report.findings.iter().filter(|f| f.kind == kind).collect()
}

/// The line in `forward` (1-based within it) that a finding names.
fn line(init: &str, finding: &Finding) -> u32 {
    finding.line - 9 - init.trim_matches('\n').lines().count() as u32
}

#[test]
fn every_seed_is_admitted_and_proved() {
    for (name, source) in SEEDS {
        let report = check(source, &config());
        assert_eq!(report.findings, [], "{name}");
        assert!(report.admitted, "{name}");
        assert_eq!((report.causality, report.batch_independence), (Proof::Proved, Proof::Proved), "{name}");
        let quadratic = report.complexity.unwrap().class == ComplexityClass::Quadratic;
        assert_eq!(quadratic, *name == "softmax_attention", "{name}: {:?}", report.complexity);
    }
}

#[test]
fn the_default_policy_refuses_quadratic_programs_with_a_line() {
    let report = check(SEEDS[0].1, &GateConfig::new(dims(1, 128)));
    let findings = of(&report, FindingKind::Complexity);
    assert_eq!(findings.len(), 1);
    assert!(findings[0].line > 0);
    assert!(!report.admitted);
}

const PROJECT: &str = "self.p = nn.Linear(d_model, d_model)";

/// (what leaks, forward, the line that lets it in)
const LEAKS: &[(&str, &str, u32)] = &[
    ("mean over time", "return self.p(x) + x.mean(dim=1, keepdim=True)", 1),
    ("reversed running sum", "y = self.p(x)\nreturn y.flip(1).cumsum(1).flip(1)", 2),
    ("wrong diagonal", "y = self.p(x)\nm = torch.ones(x.shape[1], x.shape[1]).tril(1)\nreturn m @ y", 2),
    (
        "block mean",
        "B, T, D = x.shape\ny = F.pad(self.p(x), (0, 0, 0, -T % 8))\n\
         m = y.view(B, -1, 8, D).mean(2, keepdim=True)\n\
         return (y.view(B, -1, 8, D) + m).reshape(B, -1, D)[:, :T]",
        3,
    ),
    (
        "symmetric padding",
        "y = self.p(x).transpose(1, 2)\nw = torch.ones(x.shape[2], 1, 3)\nreturn F.conv1d(y, w, padding=1, groups=x.shape[2]).transpose(1, 2)",
        3,
    ),
    ("a shift to the left", "y = self.p(x)\nreturn torch.cat([y[:, 1:], y[:, :1]], dim=1)", 2),
    ("attention without a mask", "q = self.p(x)\na = F.softmax(q @ q.transpose(1, 2), dim=-1)\nreturn a @ x", 2),
];

#[test]
fn planted_leaks_are_refuted_at_their_line() {
    for (name, forward, wanted) in LEAKS {
        let report = gate(PROJECT, forward);
        let findings = of(&report, FindingKind::FutureLeak);
        assert_eq!(report.causality, Proof::Refuted, "{name}: {:?}", report.findings);
        let lines: Vec<u32> = findings.iter().map(|f| line(PROJECT, f)).collect();
        assert!(lines.contains(wanted), "{name}: {lines:?}");
        let witness = findings[0].witness.unwrap();
        let input = witness.input.unwrap();
        assert!(witness.output[0] == input[0] && witness.output[1] < input[1], "{name}: {witness:?}");
        assert!(!report.admitted, "{name}");
    }
}

#[test]
fn a_long_convolution_is_causal_where_it_is_padded_and_leaks_where_it_wraps() {
    let init = "self.p = nn.Linear(d_model, d_model)\nself.k = nn.Parameter(torch.randn(2048, d_model))";
    let convolve = |length: &str| {
        format!(
            "T = x.shape[1]\nf = lambda t: torch.fft.rfft(t, n={length}, dim=-2)\n\
             return torch.fft.irfft(f(self.p(x)) * f(self.k[:T]), n={length}, dim=-2)[:, :T]"
        )
    };
    let padded = gate(init, &convolve("2 * T"));
    assert!(padded.admitted, "{:?}", padded.findings);
    assert_eq!(padded.complexity.map(|g| g.class.to_string()).as_deref(), Some("O(n log n)"));
    for length in ["T", "T + T // 2", "2 * T - 2"] {
        let report = gate(init, &convolve(length));
        assert_eq!(report.causality, Proof::Refuted, "{length}");
        assert_eq!(line(init, of(&report, FindingKind::FutureLeak)[0]), 3, "{length}");
    }
    // A filter in the spectrum itself reaches everything.
    let spectral = "s = torch.fft.rfft(x, dim=1)\nreturn torch.fft.irfft(torch.complex(s.real.relu(), s.imag), n=x.shape[1], dim=1)";
    assert_eq!(gate(PROJECT, spectral).causality, Proof::Refuted);
}

#[test]
fn a_leak_behind_a_zero_initialised_gate_is_found() {
    let init = "self.g = nn.Parameter(torch.zeros(1))";
    let report = gate(init, "return x + self.g * x.mean(1, keepdim=True)");
    assert_eq!(report.causality, Proof::Refuted);
}

#[test]
fn a_mean_over_the_batch_is_a_batch_leak() {
    let report = gate(PROJECT, "return self.p(x) - x.mean(0, keepdim=True)");
    assert_eq!((report.causality, report.batch_independence), (Proof::Proved, Proof::Refuted));
    assert_eq!(line(PROJECT, of(&report, FindingKind::BatchLeak)[0]), 1);
}

#[test]
fn clean_programs_are_proved() {
    let clean = [
        "return self.p(x).cumsum(1)",
        "y = self.p(x)\nreturn y.cumsum(1) - y",
        "y = F.normalize(F.pad(self.p(x), (0, 0, 3, 0)), dim=-1)\nreturn y[:, :x.shape[1]]",
        "y = self.p(x).logcumsumexp(1)\nreturn y - torch.cummax(y, dim=1)[0]",
        "m = torch.ones(x.shape[1], x.shape[1]).tril()\nreturn (m * (self.p(x) @ x.transpose(1, 2))) @ x",
        "T = x.shape[1]\nm = torch.triu(torch.ones(T, T, dtype=torch.bool), diagonal=1)\n\
         a = (self.p(x) @ x.transpose(1, 2)).masked_fill(m, float('-inf'))\nreturn F.softmax(a, dim=-1) @ x",
        "T = x.shape[1]\nm = torch.full((T, T), -1e9).triu(1)\nreturn F.softmax(self.p(x) @ x.transpose(1, 2) + m, dim=-1) @ x",
        "y = F.pad(self.p(x).transpose(1, 2), (3, 0))\nreturn F.conv1d(y, torch.ones(x.shape[2], 1, 4), groups=x.shape[2]).transpose(1, 2)",
        "q = self.p(x)\nreturn F.scaled_dot_product_attention(q, x, x, is_causal=True)",
        "y = torch.zeros_like(x)\nfor t in range(x.shape[1]):\n    y[:, t] = self.p(x[:, t]) + (y[:, t - 1] if t > 0 else 0)\nreturn y",
    ];
    for forward in clean {
        let report = gate(PROJECT, forward);
        assert_eq!(
            (report.causality, report.batch_independence),
            (Proof::Proved, Proof::Proved),
            "{forward}: {:?}",
            report.findings
        );
        assert!(report.admitted, "{forward}: {:?}", report.findings);
    }
}

#[test]
fn a_choice_by_values_over_time_is_unproved() {
    let report = gate(PROJECT, "y = self.p(x)\ni = y.argmax(1, keepdim=True)\nreturn y + torch.gather(y, 1, i)");
    assert_ne!(report.causality, Proof::Proved);
    assert!(!report.admitted);
}

#[test]
fn dead_parameters_and_hidden_state_are_named() {
    let report = gate(
        "self.p = nn.Linear(d_model, d_model)\nself.q = nn.Linear(d_model, d_model, bias=False)",
        "return self.p(x)",
    );
    assert_eq!(report.dead_parameters, ["q.weight"]);
    assert!(!report.admitted);
    for (init, forward) in [
        ("self.step = 0", "self.step += 1\nreturn x"),
        ("self.register_buffer('n', torch.zeros(1))", "self.n += 1\nreturn x * self.n"),
        ("self.seen = []", "self.seen.append(x)\nreturn x"),
        ("self.s = None", "y = x if self.s is None else x + self.s\nself.s = x\nreturn y"),
    ] {
        let report = gate(init, forward);
        assert!(!of(&report, FindingKind::HiddenState).is_empty(), "{forward}: {:?}", report.findings);
    }
    // An attribute that is only left behind for others to read is no state.
    assert!(gate(PROJECT, "self.last = self.p(x)\nreturn self.last").admitted);
}

#[test]
fn a_refused_program_reports_all_findings_and_its_parameters() {
    let report = gate(PROJECT, "a = torch.sigmiod(x)\nb = x.vew(2)\nc = self.p(x[:, :, :3])\nreturn a + b + c");
    let lines: Vec<u32> = report.findings.iter().map(|f| line(PROJECT, f)).collect();
    assert_eq!(lines, [1, 2, 3]);
    assert_eq!(report.parameters, Some(32 * 32 + 32));
    assert!(!report.admitted);
    // What was traced before, beside and after the refused lines is counted and known.
    let more =
        |text: &str| gate(PROJECT, &format!("y = self.p(x)\nb = torch.sigmiod(y)\nz = {text}\nreturn b + z.vew(2)"));
    let (report, other) = (more("y.exp()"), more("y.exp() * y"));
    assert_eq!(report.findings.len(), 2);
    let line = 128 * 32;
    assert_eq!(report.flops.iter().map(|f| f.flops).collect::<Vec<_>>(), [line * 64 + line + line]);
    assert_eq!(other.flops[0].flops, report.flops[0].flops + line);
    assert!(report.graph_hash.is_some() && report.graph_hash != other.graph_hash);
    assert_eq!(report.graph_hash, more("torch.exp(y)").graph_hash);
    assert!(report.bytes.unwrap().activations > 0 && !report.lines.is_empty());
}

#[test]
fn a_constructor_that_fails_leaves_what_was_made() {
    let report = gate(
        "self.p = nn.Linear(d_model, d_model)\nself.q = nn.Linear(d_model, 2 * d_model, bias=False)\nraise ValueError('no')",
        "return self.p(x)",
    );
    assert_eq!(report.parameters, Some(32 * 32 + 32 + 2 * 32 * 32));
    assert_eq!(of(&report, FindingKind::Type).len(), 1);
    assert!(!report.admitted && report.class.is_some());
}

#[test]
fn randomness_in_forward_is_named_with_its_line() {
    for forward in [
        "y = self.p(x)\nreturn y + torch.randn_like(y)",
        "y = self.p(x)\nreturn y * torch.bernoulli(y.sigmoid())",
        "y = self.p(x)\nreturn y[:, torch.randperm(x.shape[1])]",
        "y = self.p(x)\nreturn y + torch.randint(0, 2, y.shape)",
        "y = self.p(x)\nreturn y + torch.multinomial(y[0].exp(), 1)",
        "y = self.p(x)\nreturn y + torch.empty_like(y).normal_()",
        "y = self.p(x)\nreturn y + torch.empty_like(y).exponential_()",
        "y = self.p(x)\nreturn y * F.gumbel_softmax(y, dim=-1)",
    ] {
        let report = gate(PROJECT, forward);
        let found = of(&report, FindingKind::Nondeterministic);
        assert_eq!(found.iter().map(|f| line(PROJECT, f)).collect::<Vec<_>>(), [2], "{forward}: {:?}", report.findings);
        assert!(!report.admitted);
    }
    let dropout = gate(PROJECT, "return F.dropout(self.p(x), 0.1)");
    assert!(dropout.admitted, "{:?}", dropout.findings);
}

#[test]
fn budgets_and_duplicates_are_findings() {
    let source = layer(PROJECT, "return self.p(x)");
    let first = check(&source, &config());
    let hash = first.graph_hash.clone().unwrap();
    let tight = GateConfig { max_parameters: Some(100), known: vec![Known { hash, sketch: None }], ..config() };
    let report = check(&source, &tight);
    assert_eq!(of(&report, FindingKind::OverBudget)[0].message, "1056 parameters, the budget is 100");
    assert_eq!(of(&report, FindingKind::Duplicate).len(), 1);
}

#[test]
fn a_near_duplicate_is_noted_and_refused_below_the_least_distance() {
    let known = |source: &str| {
        let report = check(source, &config());
        Known { hash: report.graph_hash.unwrap(), sketch: report.sketch }
    };
    let all: Vec<Known> = SEEDS.iter().map(|(_, source)| known(source)).collect();
    for (i, (name, source)) in SEEDS.iter().enumerate() {
        let others: Vec<Known> = all.iter().filter(|k| k.hash != all[i].hash).cloned().collect();
        let nearest = check(source, &GateConfig { known: others, ..config() }).nearest.unwrap();
        assert!(nearest.distance > 0.15, "{name}: {nearest:?}");
    }
    // One activation of a whole layer is exchanged.
    let (source, changed) = (SEEDS[2].1, SEEDS[2].1.replacen("silu", "gelu", 1));
    assert_ne!(source, changed);
    let config = GateConfig { known: all, ..config() };
    let report = check(&changed, &config);
    let nearest = report.nearest.clone().unwrap();
    assert_eq!(Some(nearest.hash), check(source, &config).graph_hash);
    assert!(nearest.distance > 0.0 && nearest.distance < 0.15, "{}", nearest.distance);
    assert!(report.admitted && of(&report, FindingKind::NearDuplicate).is_empty());
    let strict = check(&changed, &GateConfig { min_distance: Some(0.15), ..config });
    assert_eq!(of(&strict, FindingKind::NearDuplicate).len(), 1);
    assert!(!strict.admitted);
}

#[test]
fn the_page_of_findings_is_the_one_in_docs() {
    let page = move37_candidate::finding::page();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/findings.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == page, "docs/findings.md is stale; run this test with UPDATE_DOCS=1");
}

#[test]
fn the_same_text_makes_the_same_graph() {
    for (name, source) in SEEDS {
        let once = || trace(source, &dims(2, 70), &Options::default()).unwrap().graph;
        let (a, b) = (once(), once());
        assert_eq!(a.nodes(), b.nodes(), "{name}");
        assert_eq!(a.params, b.params, "{name}");
    }
}

#[test]
fn parameters_and_flops_are_exact() {
    let report = gate("self.p = nn.Linear(d_model, d_model, bias=False)", "return self.p(x)");
    assert_eq!(report.parameters, Some(1024));
    assert_eq!(report.flops.iter().map(|f| f.flops).collect::<Vec<_>>(), [128, 256, 512].map(|t| 2 * t * 32 * 32));
}

#[test]
fn a_report_survives_json() {
    let report = check(SEEDS[2].1, &config());
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<GateReport>(&text).unwrap(), report);
    assert!(text.contains("\"causality\":\"proved\""));
}

#[test]
fn an_added_finding_revokes_admission() {
    let mut report = check(SEEDS[2].1, &config());
    assert!(report.admitted);
    let finding = Finding::new(FindingKind::NoGradient, Default::default(), "no gradient");
    report.add([finding], &config());
    assert!(!report.admitted);
}

#[test]
fn the_hash_sees_what_is_computed_and_not_how_it_is_written() {
    let two = "self.p = nn.Linear(d_model, d_model)\nself.q = nn.Linear(d_model, d_model)";
    let hash = |init: &str, forward: &str| canonical_hash(&ok(init, forward).graph);
    let base = hash(two, "return self.p(x) * torch.sigmoid(self.q(x))");
    let same = [
        (two, "gate = torch.sigmoid(self.q(x))  # renamed\nreturn gate * self.p(x)"),
        (two, "unused = x.cumsum(1)\ny = self.p(x).view(2, 8, 4, 8).reshape(2, 8, 32)\nreturn y * self.q(x).sigmoid()"),
        (
            "self.a = nn.Linear(d_model, d_model)\nself.b = nn.Linear(d_model, d_model)",
            "return self.a(x) * self.b(x).sigmoid()",
        ),
    ];
    for (init, forward) in same {
        assert_eq!(hash(init, forward), base, "{forward}");
    }
    let different = [
        (two, "return self.p(x) * torch.tanh(self.q(x))"),
        (two, "return self.p(x) + torch.sigmoid(self.q(x))"),
        (two, "return self.p(x) * torch.sigmoid(self.p(x))"),
        (two, "return self.p(x) - torch.sigmoid(self.q(x))"),
        (two, "return self.p(x) * torch.sigmoid(self.q(self.q(x)))"),
    ];
    for (init, forward) in different {
        assert_ne!(hash(init, forward), base, "{forward}");
    }
    assert_ne!(hash(two, "return self.p(x) - self.q(x * 2)"), hash(two, "return self.p(x * 2) - self.q(x)"));
    let scaled = |v: &str| hash("", &format!("return x * {v}"));
    assert_eq!(scaled("(1.0 + 1.0)"), scaled("torch.full((1,), 2.0)[0]"));
    assert_ne!(scaled("2.0"), scaled("2.5"));
}

#[test]
fn the_hash_folds_spellings_of_one_computation() {
    let two = "self.p = nn.Linear(d_model, d_model)\nself.q = nn.Linear(d_model, d_model)";
    let hash = |forward: &str| canonical_hash(&ok(two, &format!("a = self.p(x)\nb = self.q(x)\n{forward}")).graph);
    let same = [
        ["return a * b", "return a * b * 1", "return 1.0 * (a + 0) * b", "return torch.ones_like(a) * a / 1 * b"],
        ["return a * b", "return -(-(a * b))", "return 0 - (0 - a) * b - 0", "return (a * b) ** 1"],
        ["return a - b", "return -b + a", "return -(b - a)", "return a + -b"],
        ["return a + b + x", "return b + (x + a)", "return x + b + a", "return (x + 0.0) + (b - -a)"],
        ["return a * b * x", "return (x * b) * a", "return x * (a * b)", "return a.mul(x).mul(b)"],
        [
            "return torch.where(a > b, a, x)",
            "return torch.where(b < a, a, x)",
            "return torch.where(~(~(b < a)), a, x)",
            "return torch.where(a.gt(b), a, x)",
        ],
        [
            "return a.exp()",
            "return a.transpose(1, 2).transpose(1, 2).exp()",
            "return a.permute(2, 0, 1).permute(1, 2, 0).exp()",
            "return a.view(2, 8, 4, 8).transpose(1, 2).transpose(1, 2).reshape(2, 8, 32).exp()",
        ],
        ["return a * a", "return a ** 2", "return a.square()", "return a.pow(2.0)"],
        ["return F.silu(a)", "return a * a.sigmoid()", "return torch.sigmoid(a) * a", "return nn.SiLU()(a)"],
        ["return a / 4", "return a * 0.25", "return 0.25 * a", "return a.div(4.0)"],
        [
            "return torch.maximum(a, torch.maximum(b, x))",
            "return torch.maximum(torch.maximum(x, a), b)",
            "return torch.maximum(b, torch.maximum(a, x))",
            "return torch.maximum(torch.maximum(a, b), x)",
        ],
    ];
    for row in same {
        let first = hash(row[0]);
        for other in &row[1..] {
            assert_eq!(hash(other), first, "{} | {other}", row[0]);
        }
    }
    let different = [
        ("return a - b + x", "return a - (b + x)"),
        ("return a > b", "return a >= b"),
        ("return a < 0.1", "return a > 0.1"),
        ("return (a + b) * x", "return a + b * x"),
        ("return a + a", "return a"),
        ("return a + a + b", "return a + b + b + b"),
        ("return a.transpose(0, 1).reshape(2, 8, 32)", "return a"),
        ("return a * 2", "return a * 2.5"),
        ("return a * b", "return a.detach() * b"),
    ];
    for (a, b) in different {
        let float = |text: &str| hash(&format!("{}.float()", text.replace("return ", "return (") + ")"));
        assert_ne!(float(a), float(b), "{a} | {b}");
    }
}
