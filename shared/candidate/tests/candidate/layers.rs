//! Layers as they are published: traced unmodified, proved causal, equal to PyTorch (`reference/layers.py`).

use std::collections::HashMap;

use move37_candidate::finding::FindingKind;
use move37_candidate::gate::{GateConfig, Proof, check};
use move37_candidate::ir::{Graph, NodeId, Op, ParamKind, canonical_hash, eval::evaluate};
use move37_candidate::language::{ArgValue, Dims, Options, trace};

use super::programs::{SIZES, programs};

fn dims(batch: usize, time: usize) -> Dims {
    Dims { batch, time, d_model: 16, num_heads: 2, args: Default::default() }
}

/// Programs whose cost is quadratic by design: attention over everything, or between all chunks.
const QUADRATIC: &[&str] = &[
    "alibi_differential",
    "fla_attending",
    "grouped_query_rope",
    "log_linear_attention",
    "mamba2_ssd",
    "mlstm",
    "own_gradients",
    "recurrent_and_attention",
];

#[test]
fn layers_are_proved_causal_and_admitted() {
    let mut wrong = Vec::new();
    for (name, source) in programs() {
        let report = check(&source, &GateConfig::new(dims(1, 64)));
        let proved = (report.causality, report.batch_independence) == (Proof::Proved, Proof::Proved);
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        let costly = QUADRATIC.contains(&name.as_str());
        let expected = match costly {
            true => matches!(&report.findings[..], [f] if f.kind == FindingKind::Complexity),
            false => report.admitted,
        };
        if !proved || !expected {
            wrong.push(format!("{name}: {:?} {}", report.causality, findings.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The numbers that `layers.py` fills parameter `i` with.
fn wave(n: usize, phase: f64) -> impl Iterator<Item = f64> {
    (0..n).map(move |j| j as f64).map(move |j| (0.37 * j * j + 0.11 * j + phase).sin())
}

fn weights(graph: &Graph) -> Vec<Option<Vec<f64>>> {
    let mut names: Vec<&str> =
        graph.params.iter().filter(|p| p.kind == ParamKind::Trained).map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    let value = |p: &move37_candidate::ir::Param| {
        let i = names.iter().position(|n| *n == p.name)?;
        let shift = if p.shape.len() == 1 { 1.0 } else { 0.0 };
        Some(wave(p.shape.iter().product(), i as f64).map(|w| 0.2 * w + shift).collect())
    };
    graph.params.iter().map(value).collect()
}

fn output(graph: &Graph) -> Vec<f64> {
    let weights = weights(graph);
    let live = graph.reachable(&[graph.outputs[0]]);
    let buffers: Vec<NodeId> = graph.params.iter().map(|p| p.init).collect();
    let started = graph.reachable(&buffers);
    let mut known: HashMap<NodeId, Vec<f64>> = HashMap::new();
    for (i, node) in graph.nodes().iter().enumerate().filter(|(i, _)| live[*i] || started[*i]) {
        if matches!(node.op, Op::Random { .. }) || node.inputs.iter().any(|n| !known.contains_key(n)) {
            continue;
        }
        let operands: Vec<_> = node.inputs.iter().map(|n| (graph.shape(*n), &known[n][..])).collect();
        let value = match node.op {
            Op::Input(_) => wave(node.elements(), 0.0).collect(),
            Op::Param(p) => match &weights[p as usize] {
                Some(given) => given.clone(),
                None => known[&graph.params[p as usize].init].clone(),
            },
            ref op => evaluate(op, &operands, &node.shape, node.dtype).unwrap(),
        };
        known.insert(NodeId(i as u32), value);
    }
    known.remove(&graph.outputs[0]).unwrap()
}

#[derive(serde::Deserialize)]
struct Expected {
    output: Vec<f64>,
    norm: f64,
    gradients: HashMap<String, [f64; 2]>,
}

#[test]
fn layers_give_the_numbers_of_pytorch_at_two_sizes() {
    let expected: HashMap<String, HashMap<String, Expected>> =
        serde_json::from_str(include_str!("reference/layers.json")).unwrap();
    let mut wrong = Vec::new();
    for (name, source) in programs() {
        for (size, [batch, time, d_model, num_heads]) in SIZES {
            let dims = Dims { batch, time, d_model, num_heads, args: Default::default() };
            let Ok(traced) = trace(&source, &dims, &Options::default()) else {
                wrong.push(format!("{name} is refused at {size}"));
                continue;
            };
            let expected = &expected[&name][size];
            let mut names: Vec<&str> =
                traced.graph.params.iter().filter(|p| p.kind == ParamKind::Trained).map(|p| p.name.as_str()).collect();
            let mut known: Vec<&str> = expected.gradients.keys().map(String::as_str).collect();
            names.sort_unstable();
            known.sort_unstable();
            if names != known {
                wrong.push(format!("{name}: parameters {names:?} are not {known:?}"));
                continue;
            }
            let got = output(&traced.graph);
            let norm = got.iter().map(|v| v * v).sum::<f64>().sqrt();
            let scale = expected.norm / (got.len() as f64).sqrt();
            let worst = expected.output.iter().enumerate().map(|(i, e)| (got[i * 29] - e).abs() / scale);
            let worst = worst.fold((norm - expected.norm).abs() / expected.norm, f64::max);
            if worst.is_nan() || worst > 1e-6 {
                wrong.push(format!("{name} at {size}: apart by {worst:.1e}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_library_function_refuses_is_blamed_on_the_line_that_called_it() {
    let source = "import torch.nn as nn
from fla.ops.delta_rule import chunk_delta_rule
class Layer(nn.Module):
    def forward(self, x):
        q = x.view(*x.shape[:2], 2, 8)
        o, _ = chunk_delta_rule(q, q[..., :3], q, q[..., 0])
        return o.flatten(2)
";
    let findings = trace(source, &dims(2, 8), &Options::default()).unwrap_err();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].line, 6);
    let packed = source.replace("q[..., :3], q, q[..., 0]", "q, q, q[..., 0], cu_seqlens=q");
    let findings = trace(&packed, &dims(2, 8), &Options::default()).unwrap_err();
    assert!(findings[0].message.contains("packed sequences"), "{findings:?}");
    assert_eq!(findings[0].line, 6);
    let unknown = source.replace("import chunk_delta_rule", "import chunk_detla_rule");
    let findings = trace(&unknown, &dims(2, 8), &Options::default()).unwrap_err();
    assert_eq!((findings[0].line, findings[0].hint.as_str()), (2, "did you mean 'chunk_delta_rule'?"));
}

#[test]
fn a_kernel_and_its_mathematics_step_by_step_agree() {
    let layer = |body: &str| {
        format!(
            "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\
             from fla.ops import chunk_gated_delta_rule, chunk_gla\n\
             class Layer(nn.Module):\n    def forward(self, x):\n        q = x.view(*x.shape[:2], 2, 8)\n        \
             k = F.normalize(q.flip(-1), dim=-1)\n        g = F.logsigmoid(q)\n        beta = torch.sigmoid(q[..., 0])\n        \
             s = x.new_zeros(2, 2, 8, 8)\n        outs = []\n{}",
            body.lines().map(|l| format!("        {l}\n")).collect::<String>()
        )
    };
    let pairs = [
        (
            "o, _ = chunk_gated_delta_rule(q, k, q, g[..., 1], beta, scale=1.0)\nreturn o.flatten(2)",
            "for t in range(x.shape[1]):\n    kt, b = k[:, t, :, :, None], beta[:, t, :, None, None]\n    \
             s = s * g[:, t, :, 1].exp()[..., None, None]\n    \
             s = s + b * kt @ (q[:, t, :, None] - kt.mT @ s)\n    outs.append((q[:, t, :, None] @ s)[:, :, 0])\n\
             return torch.stack(outs, 1).flatten(2)",
        ),
        (
            "o, _ = chunk_gla(q, k, q, g, scale=1.0)\nreturn o.flatten(2)",
            "for t in range(x.shape[1]):\n    s = s * g[:, t].exp()[..., None] + k[:, t, :, :, None] @ q[:, t, :, None]\n    \
             outs.append((q[:, t, :, None] @ s)[:, :, 0])\nreturn torch.stack(outs, 1).flatten(2)",
        ),
    ];
    for (kernel, steps) in pairs {
        let graphs = [kernel, steps].map(|b| {
            trace(&layer(b), &dims(2, 37), &Options::default()).unwrap_or_else(|f| panic!("{b}: {f:?}")).graph
        });
        let [a, b] = [&graphs[0], &graphs[1]].map(output);
        let apart = a.iter().zip(&b).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
        assert!(apart < 1e-9, "{apart}: {kernel}");
        assert_ne!(canonical_hash(&graphs[0]), canonical_hash(&graphs[1]));
    }
}

#[test]
fn the_step_counter_that_forward_moves_is_hidden_state() {
    let source = include_str!("programs/annealed_memory.py");
    let moving = source.replace("        x = self.shift(x)\n", "        self.step += 1\n        x = self.shift(x)\n");
    let report = check(&moving, &GateConfig::new(dims(1, 64)));
    assert!(report.findings.iter().any(|f| f.message.contains("changes the buffer 'step'")), "{:?}", report.findings);
}

#[test]
fn a_text_that_demands_an_accelerator_is_traced_as_on_one() {
    let source = "import torch
import torch.nn as nn
try:
    from flash_attn import flash_attn_func
except ImportError:
    flash_attn_func = None
class Layer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        if flash_attn_func is None:
            raise ImportError('install flash_attn')
        self.qkv = nn.Linear(dim, 3 * dim)
    def forward(self, x):
        if not x.is_cuda or x.device.type != 'cuda':
            raise NotImplementedError('needs a GPU')
        q, k, v = self.qkv(x).unflatten(-1, (3, 2, 8)).unbind(2)
        return flash_attn_func(q, k, v, causal=True).flatten(2)
";
    let traced = trace(source, &dims(2, 8), &Options::default()).unwrap();
    assert!(traced.notes.iter().any(|n| n.text.contains("CUDA")), "{:?}", traced.notes);
    let report = check(source, &GateConfig::new(dims(1, 64)));
    assert_eq!(report.causality, Proof::Proved, "{:?}", report.findings);
    // What is not causal is understood as well, and seen.
    let report = check(&source.replace("causal=True", "causal=False"), &GateConfig::new(dims(1, 64)));
    assert_eq!(report.causality, Proof::Refuted);
    // A text that goes on without it is not on a GPU.
    let without = source.replace("raise ImportError('install flash_attn')", "pass").replace("not x.is_cuda or", "");
    let plain =
        without.replace("return flash", "if flash_attn_func is None:\n            return x * 2\n        return flash");
    let plain = plain.replace("x.device.type != 'cuda'", "x.device.type == 'cuda'");
    let traced = trace(&plain, &dims(2, 8), &Options::default()).unwrap();
    assert!(traced.notes.iter().all(|n| !n.text.contains("CUDA")), "{:?}", traced.notes);
}

#[test]
fn defaults_that_fail_in_forward_are_tried_anew() {
    let source = "import torch.nn as nn
class Layer(nn.Module):
    def __init__(self, dim, num_heads, head_dim=64, layer_idx=None, num_layers=None):
        super().__init__()
        self.num_heads, self.head_dim, self.idx, self.layers = num_heads, head_dim, layer_idx, num_layers
        self.out = nn.Linear(dim, dim)
    def forward(self, x):
        return self.out(x.view(*x.shape[:2], self.num_heads, HEAD).flatten(2)) * (1 + self.idx / self.layers)
";
    let place = source.replace("HEAD", "-1");
    let traced = trace(&place, &dims(2, 8), &Options::default()).unwrap();
    assert!(traced.notes.iter().any(|n| n.text.contains("layer_idx=0, num_layers=2")), "{:?}", traced.notes);
    let both = source.replace("HEAD", "self.head_dim");
    let traced = trace(&both, &dims(2, 8), &Options::default()).unwrap();
    assert!(traced.notes.iter().any(|n| n.text.contains("head_dim=8")), "{:?}", traced.notes);
    // What no other argument mends is told as it was with the defaults.
    let broken = source.replace("HEAD", "7");
    let findings = trace(&broken, &dims(2, 8), &Options::default()).unwrap_err();
    assert_eq!(findings[0].line, 8, "{findings:?}");
}

#[test]
fn arguments_of_a_configuration_are_set_by_name() {
    let source = "import torch.nn as nn
from dataclasses import dataclass
@dataclass
class LayerConfig:
    d_model: int = 64
    expand: int = 2
class Layer(nn.Module):
    def __init__(self, config: LayerConfig):
        super().__init__()
        self.up = nn.Linear(config.d_model, config.expand * config.d_model)
        self.down = nn.Linear(config.expand * config.d_model, config.d_model)
    def forward(self, x):
        return self.down(self.up(x))
";
    let mut wide = dims(2, 8);
    wide.args.insert("expand".into(), ArgValue::Int(3));
    let traced = trace(source, &wide, &Options::default()).unwrap();
    assert!(traced.graph.params.iter().any(|p| p.shape == [48, 16]), "expand=3");
    wide.args.insert("expnad".into(), ArgValue::Int(3));
    let findings = trace(source, &wide, &Options::default()).unwrap_err();
    assert_eq!(findings[0].hint, "did you mean 'expand'?");
}
