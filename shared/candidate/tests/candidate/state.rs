//! A layer's tensors have the names of PyTorch's `state_dict`.

use move37_candidate::finding::FindingKind;
use move37_candidate::ir::ParamKind;
use move37_candidate::language::{ArgValue, Dims, Options, StateKind, StateOf, trace};

use super::seeds::dims;

const TEXT: &str = "
import torch
import torch.nn as nn

class Inner(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.proj = nn.Linear(d, d, bias=False)
        self.frozen = nn.Parameter(torch.ones(d), requires_grad=False)
        self.register_buffer('scale', torch.full((d,), 2.0))
        self.register_buffer('scratch', torch.zeros(3), persistent=False)
        self.register_buffer('nothing', None)
        self.kept = nn.Buffer(torch.ones(2))
        self.lost = nn.Buffer(torch.ones(2), persistent=False)

class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.a = Inner(d_model)
        self.b = self.a
        self.w = self.a.proj.weight
        half = torch.arange(8.0)
        self.register_buffer('part', torch.randn(8)[2:5])
        self.register_buffer('phase', torch.polar(torch.ones(3), half[:3]))

    def forward(self, x):
        return self.b.proj(x) * self.a.frozen * self.b.scale + self.part.sum()
";

#[test]
fn every_name_of_the_state_dict_is_known_with_what_it_names() {
    let traced = trace(TEXT, &dims(2, 8), &Options::default()).unwrap();
    let told = |name: &str| {
        let entry = traced.state.iter().find(|e| e.name == name).unwrap_or_else(|| panic!("{name}"));
        let of = match entry.of {
            StateOf::Param(i) => traced.graph.params[i].name.as_str(),
            StateOf::Computed => "computed",
        };
        (of, entry.kind)
    };
    assert_eq!(told("a.proj.weight"), told("b.proj.weight"));
    assert_eq!(told("w"), told("b.proj.weight"));
    assert_eq!(told("b.scale"), ("a.scale", StateKind::Buffer));
    assert_eq!(told("a.scratch"), ("a.scratch", StateKind::Scratch));
    assert_eq!(told("a.kept"), ("a.kept", StateKind::Buffer));
    assert_eq!(told("a.lost"), ("a.lost", StateKind::Scratch));
    assert_eq!(told("part"), ("part", StateKind::Buffer));
    assert_eq!(told("phase"), ("computed", StateKind::Buffer));
    assert_eq!(told("a.frozen"), ("a.frozen", StateKind::Parameter));
    let kept = traced.state.iter().filter(|e| e.kind != StateKind::Scratch).count();
    // Per Inner: proj.weight, frozen, scale, kept.
    assert_eq!(kept, 4 + 4 + 3, "{:?}", traced.state);
    let trained = traced.graph.params.iter().filter(|p| p.kind == ParamKind::Trained).count();
    assert_eq!(trained, 1, "nn.Buffer and a frozen parameter are not trained");
}

#[test]
fn modules_that_are_shared_without_end_are_a_finding() {
    let text = "
import torch.nn as nn

class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        pair = nn.Linear(d_model, d_model)
        for _ in range(40):
            pair = nn.ModuleList([pair, pair])
        self.pair = pair

    def forward(self, x):
        return x
";
    let findings = trace(text, &dims(2, 8), &Options::default()).unwrap_err();
    assert_eq!(findings[0].kind, FindingKind::Limit, "{findings:?}");
}

#[test]
fn without_a_number_of_heads_the_text_keeps_its_own() {
    let text = "
import torch.nn as nn

class Layer(nn.Module):
    def __init__(self, d_model, num_heads=16):
        super().__init__()
        self.w = nn.Linear(d_model, num_heads)

    def forward(self, x):
        return x * self.w(x).sum(-1, keepdim=True)
";
    let shape = |text: &str, num_heads| {
        let traced = trace(text, &Dims { num_heads, ..dims(1, 4) }, &Options::default())?;
        Ok::<_, Vec<_>>(traced.graph.params[0].shape.clone())
    };
    let traced = trace(text, &dims(1, 4), &Options::default()).unwrap();
    assert_eq!(traced.construction.arguments["d_model"], ArgValue::Int(32));
    assert_eq!(shape(text, 0).unwrap(), [16, 32]);
    assert_eq!(shape(text, 4).unwrap(), [4, 32]);
    let findings = shape(&text.replace("num_heads=16", "num_heads"), 0).unwrap_err();
    assert!(findings[0].hint.contains("--arg num_heads=VALUE"), "{findings:?}");
}

#[test]
fn an_argument_can_be_a_field_of_the_configuration() {
    let text = "
from dataclasses import dataclass
import torch.nn as nn

@dataclass
class LayerConfig:
    hidden_size: int = 64
    inner: int = 3

class Layer(nn.Module):
    def __init__(self, config: LayerConfig):
        super().__init__()
        self.w = nn.Linear(config.hidden_size, config.inner)

    def forward(self, x):
        return x * self.w(x).sum(-1, keepdim=True)
";
    let with = |name: &str| {
        let args = [(name.to_owned(), ArgValue::Int(7))].into();
        trace(text, &Dims { args, ..dims(1, 4) }, &Options::default())
    };
    let traced = with("inner").unwrap();
    assert_eq!(traced.graph.params[0].shape, [7, 32]);
    let config = traced.construction.config.unwrap();
    assert_eq!((config.parameter.as_str(), config.class.as_str()), ("config", "LayerConfig"));
    assert_eq!(config.fields["inner"], ArgValue::Int(7));
    assert_eq!(config.fields["hidden_size"], ArgValue::Int(32));
    assert!(traced.construction.arguments.is_empty());
    assert!(with("iner").unwrap_err()[0].message.contains("no constructor argument 'iner'"));
}
