//! The whole gate on texts.

use std::collections::BTreeMap;

use move37_candidate::finding::FindingKind;
use move37_candidate::gate::{GateConfig, Proof};
use move37_candidate::language::Dims;
use move37_tensor::gate::prove;

fn config() -> GateConfig {
    GateConfig::new(Dims { batch: 1, time: 64, d_model: 32, num_heads: 4, args: BTreeMap::new() })
}

fn layer(init: &str, forward: &str) -> String {
    format!(
        "import torch\nimport torch.nn as nn\n\nclass Mixer(nn.Module):\n    def __init__(self, d_model: int):\n        \
         super().__init__()\n        self.proj = nn.Linear(d_model, d_model)\n        {init}\n\n    def forward(self, x):\n        \
         y = self.proj(x).cumsum(1)\n        {forward}\n        return y\n"
    )
}

#[test]
fn a_sound_text_is_admitted_with_nothing_added() {
    let report = prove(&layer("pass", "y = torch.tanh(y)"), &config());
    assert!(report.admitted, "{:?}", report.findings);
    assert_eq!((report.findings.len(), report.causality), (0, Proof::Proved));
}

#[test]
fn what_only_running_shows_is_added_with_its_line() {
    let cases = [
        ("pass", "y = torch.log(y)", FindingKind::NonFinite, 12),
        ("self.w = nn.Parameter(torch.ones(32))", "y = y * torch.sign(self.w)", FindingKind::NoGradient, 12),
        ("pass", "y = y / x.shape[1]", FindingKind::LengthDependent, 12),
    ];
    for (init, forward, kind, line) in cases {
        let report = prove(&layer(init, forward), &config());
        assert!(!report.admitted);
        let found = report.findings.iter().find(|f| f.kind == kind);
        let found = found.unwrap_or_else(|| panic!("{kind:?} is not among {:?}", report.findings));
        assert_eq!((found.line, found.hint.is_empty()), (line, false), "{found:?}");
    }
}

#[test]
fn a_leak_that_is_refuted_statically_is_told_once() {
    let report = prove(&layer("pass", "y = y + y.flip(1)"), &config());
    let leaks = report.findings.iter().filter(|f| f.kind == FindingKind::FutureLeak).count();
    assert_eq!((leaks, report.causality), (1, Proof::Refuted));
}

#[test]
fn the_seed_programs_pass_in_good_time() {
    for (name, source) in [
        ("delta_net", include_str!("../../../candidate/seeds/delta_net.py")),
        ("gated_delta_net", include_str!("../../../candidate/seeds/gated_delta_net.py")),
        ("decay_linear_attention", include_str!("../../../candidate/seeds/decay_linear_attention.py")),
        ("two_path_mixer", include_str!("../../../candidate/seeds/two_path_mixer.py")),
    ] {
        let report = prove(source, &config());
        assert!(report.admitted, "{name}: {:?}", report.findings);
    }
}
