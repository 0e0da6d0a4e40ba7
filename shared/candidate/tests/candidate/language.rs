//! Constructs of the language, one small program each.

use move37_candidate::finding::{Finding, FindingKind};
use move37_candidate::language::{Options, Traced, trace};

use super::seeds::dims;

/// A layer with these lines in `__init__` and `forward(self, x)`.
pub fn layer(init: &str, forward: &str) -> String {
    let indent = |text: &str| text.trim_matches('\n').lines().map(|l| format!("        {l}\n")).collect::<String>();
    format!(
        "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nimport math\nfrom einops import rearrange, repeat, reduce\n\
         class Layer(nn.Module):\n    def __init__(self, d_model, num_heads=4):\n        super().__init__()\n{}    def forward(self, x):\n{}",
        indent(init),
        indent(forward)
    )
}

pub fn run(init: &str, forward: &str) -> Result<Traced, Vec<Finding>> {
    trace(&layer(init, forward), &dims(2, 8), &Options::default())
}

pub fn ok(init: &str, forward: &str) -> Traced {
    run(init, forward)
        .unwrap_or_else(|f| panic!("{forward}\n{}", f.iter().map(|f| f.to_string() + "\n").collect::<String>()))
}

pub fn refused(forward: &str) -> Finding {
    let findings = run("", forward).expect_err("should be refused");
    findings.into_iter().next().unwrap()
}

#[test]
fn an_unknown_function_is_named_with_its_place_and_the_nearest_known_one() {
    let finding = refused("return torch.sigmiod(x)");
    assert_eq!((finding.kind, finding.line, finding.column), (FindingKind::Name, 10, 22));
    assert_eq!(finding.message, "unknown function or class 'torch.sigmiod'");
    assert_eq!(finding.hint, "did you mean 'sigmoid'?");
}
