//! Programs that do otherwise at other sizes: what the gate proves must be proved for training's.

use move37_candidate::cost::ComplexityClass;
use move37_candidate::finding::{Finding, FindingKind};
use move37_candidate::gate::{GateConfig, GateReport, Proof, check};

use super::language::layer;
use super::seeds::dims;

const PROJECT: &str = "self.p = nn.Linear(d_model, d_model)";

fn at(time: usize, forward: &str) -> GateReport {
    check(
        &layer(PROJECT, forward),
        &GateConfig { max_complexity: ComplexityClass::Quadratic, ..GateConfig::new(dims(1, time)) },
    )
}

fn of(report: &GateReport, kind: FindingKind) -> Vec<&Finding> {
    report.findings.iter().filter(|f| f.kind == kind).collect()
}

/// The line in `forward` (1-based within it) that a finding names.
fn line(finding: &Finding) -> u32 {
    finding.line - 9 - 1
}

/// Leaks that only sequences of 200 show, and sequences of 64 do not; with the line (of a mask, or where it is used).
const LATE: &[(&str, &[u32])] = &[
    ("T = x.shape[1]\ny = self.p(x)\nif T > 100:\n    y = y + x.mean(1, keepdim=True)\nreturn y", &[4]),
    ("y = self.p(x)\nreturn y + x.mean(1, keepdim=True) if x.size(1) >= 100 else y", &[2]),
    ("y = self.p(x)\nwhile y.shape[1] > 150:\n    return y.flip(1)\nreturn y", &[3]),
    ("y = self.p(x)\nn = max(x.shape[1] - 100, 0)\nreturn y + n * x.mean(1, keepdim=True)", &[3]),
    ("y = self.p(x)\nreturn y + (x.shape[1] // 100) * x.mean(1, keepdim=True)", &[2]),
    ("y = self.p(x)\nreturn y + x[:, 100:].sum(1, keepdim=True)", &[2]),
    (
        "B, T, D = x.shape\ny = self.p(x)\nout = []\nfor i in range(0, T, 32):\n    c = y[:, i:i + 32]\n    if i >= 128:\n\
         \x20       c = c + c.mean(1, keepdim=True)\n    out.append(c)\nreturn torch.cat(out, 1)",
        &[7],
    ),
    (
        "T = x.shape[1]\ni = torch.arange(T)\nm = (i[:, None] >= i[None, :]) | (i[None, :] - i[:, None] > 100)\n\
         a = (self.p(x) @ x.transpose(1, 2)).masked_fill(~m, float('-inf'))\nreturn F.softmax(a, dim=-1) @ x",
        &[3, 5],
    ),
    (
        "T = x.shape[1]\nm = torch.ones(1024, 1024).tril() + torch.ones(1024, 1024).triu(100)\n\
         return (m[:T, :T] * (self.p(x) @ x.transpose(1, 2))) @ x",
        &[2, 3],
    ),
];

#[test]
fn a_leak_that_long_sequences_alone_take_is_found_at_their_length() {
    for (forward, wanted) in LATE {
        let short = at(64, forward);
        assert_eq!(short.causality, Proof::Proved, "{forward}: {:?}", short.findings);
        let report = at(200, forward);
        assert_eq!(report.causality, Proof::Refuted, "{forward}: {:?}", report.findings);
        let leaks = of(&report, FindingKind::FutureLeak);
        assert!(wanted.contains(&line(leaks[0])), "{forward}: {leaks:?}");
        assert!(leaks[0].witness.unwrap().shape[1] > 100);
        assert!(report.analysed.iter().any(|[_, t]| *t > 100), "{:?}", report.analysed);
    }
}

#[test]
fn a_program_that_chooses_by_length_is_proved_on_the_side_that_training_takes() {
    let clean = [
        "if x.shape[1] > 100:\n    return self.p(x).cumsum(1)\nreturn self.p(x)",
        "w = min(x.shape[1], 100)\nT = x.shape[1]\ni = torch.arange(T)\nd = i[:, None] - i[None, :]\n\
         m = (d >= 0) & (d < w)\nreturn (m * (self.p(x) @ x.transpose(1, 2))) @ x",
        "y = self.p(x)\nfor i in range(0, x.shape[1], 32):\n    y = y + 1 if i > 96 else y\nreturn y",
    ];
    for forward in clean {
        let report = at(200, forward);
        assert_eq!((report.causality, report.batch_independence), (Proof::Proved, Proof::Proved), "{forward}");
        assert!(report.admitted, "{forward}: {:?}", report.findings);
        assert!(report.analysed.iter().any(|[_, t]| *t > 100), "{forward}: {:?}", report.analysed);
    }
    // What makes the same choices everywhere needs no further look.
    assert_eq!(at(200, "return self.p(x).cumsum(1)").analysed, [[2, 70], [2, 5]]);
}

#[test]
fn what_is_too_large_to_analyse_is_unproved_with_the_line_that_chooses() {
    let forward = "if x.shape[1] > 3000:\n    return self.p(x).cumsum(1)\n\
                   return self.p(x)";
    assert_eq!(at(4096, forward).causality, Proof::Proved);
    let product = "a = self.p(x) @ x.transpose(1, 2)\na = F.softmax(a.masked_fill(torch.ones_like(a).triu(1) > 0, -1e9), -1)\n\
                   y = a @ x\nif x.shape[1] > 3000:\n    y = y * 2\nreturn y";
    let report = at(4096, product);
    assert_eq!(report.causality, Proof::Unproved, "{:?}", report.analysed);
    let open = of(&report, FindingKind::Unproved);
    assert_eq!((open.len(), line(open[0])), (1, 4), "{open:?}");
    assert!(!open[0].hint.is_empty() && !report.admitted);
}

#[test]
fn more_than_two_chunks_are_analysed_however_large_they_are() {
    // Every chunk sees the one after the next: two chunks do not show it.
    let leak = "B, T, D = x.shape\ny = F.pad(self.p(x), (0, 0, 0, -T % 64)).view(B, -1, 64, D)\n\
                s = y.mean(2, keepdim=True)\ns = torch.cat([s[:, 2:], torch.zeros_like(s[:, :2])], 1)[:, :y.shape[1]]\n\
                return (y + s).reshape(B, -1, D)[:, :T]";
    for time in [64, 256] {
        let report = at(time, leak);
        assert_eq!(report.causality, Proof::Refuted, "T={time}: {:?} {:?}", report.analysed, report.findings);
    }
}

#[test]
fn choices_by_the_number_of_rows_are_looked_at_with_as_many_rows() {
    let cases = [
        ("y = self.p(x)\nreturn y - y.mean(0, keepdim=True) if x.shape[0] > 4 else y", Proof::Refuted, 2),
        ("y = self.p(x)\nif x.shape[0] == 1:\n    y = y + x.mean(1, keepdim=True)\nreturn y", Proof::Proved, 0),
        ("y = self.p(x)\nreturn y / x.shape[0]", Proof::Refuted, 2),
    ];
    for (forward, batch, wanted) in cases {
        let report = at(64, forward);
        assert_eq!(report.batch_independence, batch, "{forward}: {:?}", report.findings);
        let found = of(&report, FindingKind::BatchLeak);
        assert_eq!(found.first().map_or(0, |f| line(f)), wanted, "{forward}: {found:?}");
        assert!(!report.admitted);
    }
    // With one row alone it leaks.
    assert_eq!(at(64, cases[1].0).causality, Proof::Refuted);
    let fine = at(64, "y = self.p(x)\nreturn y * 2 if x.shape[0] > 4 else y * 2");
    assert!(fine.admitted && fine.analysed.iter().any(|[b, _]| *b == 8), "{:?} {:?}", fine.findings, fine.analysed);
    let index = "B, T, D = x.shape\nb = torch.arange(B)[:, None]\nt = torch.arange(T)[None, :]\nreturn self.p(x)[b, t]";
    assert!(at(64, index).admitted, "{:?}", at(64, index).findings);
}

#[test]
fn cost_that_grows_in_a_loop_a_window_or_a_small_line_shows_its_class() {
    let cases = [
        (
            "y = self.p(x)\nout = []\nfor i in range(0, x.shape[1], 16):\n    out.append(y[:, i:i + 16] + x[:, :i + 16].sum(1, keepdim=True))\nreturn torch.cat(out, 1)",
            "O(n^2)",
            4,
        ),
        ("y = self.p(x)\nfor i in range(x.shape[1] // 16):\n    y = y + x.exp()\nreturn y", "O(n^2)", 3),
        (
            "B, T, D = x.shape\nc = T // 4\ny = self.p(x).view(B, 4, c, D)\nm = torch.ones(c, c).tril()\nreturn (((y @ y.transpose(-1, -2)) * m) @ y).reshape(B, T, D)",
            "O(n^2)",
            5,
        ),
        (
            "y = self.p(x)\nfor _ in range(50):\n    y = y @ self.p.weight\nd = y[:, :, 0]\nz = d[:, :, None] + d[:, None, :]\nreturn y + z.tril().sum(2, keepdim=True)",
            "O(n^2)",
            6,
        ),
        (
            "y = self.p(x)\nk = 1\nwhile k < x.shape[1]:\n    y = y + F.pad(y, (0, 0, k, 0))[:, :x.shape[1]]\n    k *= 2\nreturn y",
            "O(n log n)",
            0,
        ),
        ("y = self.p(x)\nreturn y.cumsum(1)", "O(n)", 0),
    ];
    for (forward, class, wanted) in cases {
        for time in [64, 128] {
            let report = check(&layer(PROJECT, forward), &GateConfig::new(dims(1, time)));
            let steepest = report.complexity.unwrap().class.max(report.memory.unwrap().class);
            assert_eq!(steepest.to_string(), class, "T={time}: {forward}");
            let found = of(&report, FindingKind::Complexity);
            assert_eq!(found.first().map_or(0, |f| line(f)), wanted, "T={time}: {forward}: {found:?}");
        }
    }
    // Chunks that are longer than the sequence, and lengths that fill no chunk, are no growth.
    let chunked = "B, T, D = x.shape\ny = F.pad(self.p(x), (0, 0, 0, -T % 128)).view(B, -1, 128, D)\n\
                   m = torch.ones(128, 128).tril()\nreturn (m @ y).reshape(B, -1, D)[:, :T]";
    for time in [16, 64, 90, 100] {
        let report = at(time, chunked);
        assert_eq!(report.complexity.unwrap().class, ComplexityClass::Linear, "T={time}");
    }
}
