//! What a layer is called with, what it returns, and what it finds around it.

use move37_candidate::finding::FindingKind;
use move37_candidate::gate::{GateConfig, check};
use move37_candidate::language::{Options, Traced, trace};

use super::seeds::dims;

fn traced(source: &str) -> Traced {
    let text = format!("import torch\nimport torch.nn as nn\n{source}");
    trace(&text, &dims(2, 8), &Options::default()).unwrap_or_else(|f| panic!("{f:?}\n{text}"))
}

fn notes(source: &str) -> String {
    traced(source).notes.into_iter().map(|n| n.text).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_training_refuses_is_traced_at_rest() {
    let refuses = "class Layer(nn.Module):
    def forward(self, x):
        mode = 'recurrent' if x.shape[1] <= 64 else 'chunk'
        if self.training:
            assert mode == 'chunk', 'only chunk mode in training'
        return x * 2
";
    let text = notes(refuses);
    assert!(text.contains("self.training false") && text.contains("only chunk mode in training"), "{text}");
    let noisy = "class Layer(nn.Module):
    def forward(self, x):
        if self.training:
            x = x - torch.empty_like(x).exponential_().log()
        return x.softmax(-1)
";
    assert!(notes(noisy).contains("random numbers in forward"));
    // What is refused at rest too is told as it was in training.
    let broken = "class Layer(nn.Module):
    def forward(self, x):
        if self.training:
            raise ValueError('in training')
        raise ValueError('at rest')
";
    let text = format!("import torch.nn as nn\n{broken}");
    let findings = trace(&text, &dims(2, 8), &Options::default()).unwrap_err();
    assert!(findings[0].message.contains("in training"), "{findings:?}");
    // Nothing is said of a layer that trains.
    assert_eq!(
        notes("class Layer(nn.Module):\n    def forward(self, x):\n        return x * (2 if self.training else 3)\n"),
        ""
    );
}

#[test]
fn the_output_of_a_record_is_found() {
    for (definition, result) in [
        (
            "from typing import NamedTuple\nclass Out(NamedTuple):\n    y: torch.Tensor\n    aux: int = 3\n",
            "Out(x * 2)",
        ),
        (
            "from dataclasses import dataclass\nfrom typing import Optional\n@dataclass\nclass Out:\n    loss: Optional[float] = None\n    \
             last_hidden_state: torch.Tensor = None\n",
            "Out(last_hidden_state=x * 2)",
        ),
        ("from collections import namedtuple\nOut = namedtuple('Out', ['y', 'state'])\n", "Out(y=x * 2, state=None)"),
        ("", "{'loss': None, 'hidden_states': x * 2}"),
        ("", "((x * 2, None), [])"),
    ] {
        traced(&format!("{definition}class Layer(nn.Module):\n    def forward(self, x):\n        return {result}\n"));
    }
}

#[test]
fn masks_and_caches_without_defaults_are_none() {
    traced(
        "class Layer(nn.Module):
    def forward(self, x, attention_mask, state: 'torch.Tensor | None', *, cache):
        assert attention_mask is None and state is None and cache is None
        return x * 2
",
    );
    traced(
        "class Layer(nn.Module):
    def forward(self, query, key, value, mask):
        return query + key * value
",
    );
    let text =
        "import torch.nn as nn\nclass Layer(nn.Module):\n    def forward(self, x, speed):\n        return x * speed\n";
    let findings = trace(text, &dims(2, 8), &Options::default()).unwrap_err();
    assert!(findings[0].message.contains("needs the argument 'speed'"), "{findings:?}");
}

#[test]
fn nothing_is_distributed() {
    traced(
        "import torch.distributed as dist
class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.world = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
        self.sizes = dict.fromkeys(['a', 'b'], 3)
    def forward(self, x):
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(x)
        return x * self.world * self.sizes['b']
",
    );
}

#[test]
fn a_buffer_changed_by_a_method_is_told_where_it_is_changed() {
    let source = "import torch
import torch.nn as nn
class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer('step', torch.zeros(1))
    def forward(self, x):
        scratch = torch.zeros_like(x)
        scratch[:, 0] = 1.0
        self.step.add_(1)
        return x * torch.exp(-self.step) + scratch
";
    let report = check(source, &GateConfig::new(dims(1, 64)));
    let told: Vec<_> = report.findings.iter().filter(|f| f.kind == FindingKind::HiddenState).map(|f| f.line).collect();
    assert_eq!(told, [10], "{:?}", report.findings);
}
