//! What layer files of other libraries use: absent packages, kernels by name, complex parameters, pieces of Python.

use std::collections::HashMap;

use move37_candidate::finding::FindingKind;
use move37_candidate::gate::{GateConfig, Proof, check};
use move37_candidate::ir::{Graph, NodeId, Op, eval::evaluate};
use move37_candidate::language::{ArgValue, Dims, Options, trace};

fn dims(batch: usize, time: usize) -> Dims {
    Dims { batch, time, d_model: 8, num_heads: 2, args: Default::default() }
}

fn layer(head: &str, init: &str, forward: &str) -> String {
    let indent = |text: &str| text.lines().map(|l| format!("        {l}\n")).collect::<String>();
    format!(
        "import math\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n{head}\n\
         class Layer(nn.Module):\n    def __init__(self):\n        super().__init__()\n{}\n    def forward(self, x):\n{}",
        indent(init),
        indent(forward)
    )
}

/// The output for an input of waves; parameters are all waves of another phase.
fn run(source: &str, batch: usize, time: usize) -> Vec<f64> {
    let traced = trace(source, &dims(batch, time), &Options::default()).unwrap_or_else(|f| panic!("{source}\n{f:?}"));
    numbers(&traced.graph)
}

fn numbers(graph: &Graph) -> Vec<f64> {
    let wave = |n: usize, phase: f64| (0..n).map(|j| (0.7 * (j * j) as f64 + 0.3 * j as f64 + phase).sin()).collect();
    let mut known: HashMap<NodeId, Vec<f64>> = HashMap::new();
    for (i, node) in graph.nodes().iter().enumerate() {
        let operands: Vec<_> = node.inputs.iter().map(|n| (graph.shape(*n), &known[n][..])).collect();
        let value = match node.op {
            Op::Input(_) => wave(node.elements(), 0.0),
            Op::Param(p) => wave(node.elements(), 1.0 + f64::from(p)),
            Op::Random { .. } => wave(node.elements(), i as f64),
            ref op => evaluate(op, &operands, &node.shape, node.dtype).unwrap(),
        };
        known.insert(NodeId(i as u32), value);
    }
    known.remove(&graph.outputs[0]).unwrap()
}

fn equal(a: &str, b: &str, time: usize) {
    let (x, y) = (run(a, 2, time), run(b, 2, time));
    let apart = x.iter().zip(&y).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
    assert!(x.len() == y.len() && apart < 1e-9, "{apart}\n{a}\n{b}");
}

#[test]
fn what_is_imported_and_not_used_does_not_matter() {
    let head = "import os, sys, time, random, inspect\nfrom scipy.special import nothing\nfrom torch.nn import BCEWithLogitsLoss, Conv3d\n\
                from .kernels import fast\nfrom ...activations import ACT2FN\nfrom ... import initialization as init\n\
                from ...integrations import use_kernel_forward_from_hub\nfrom absent.package import Base, decorator\n\
                sys.path.append('x')\nthreshold = absent_function = Base.limit\n\
                class Derived(Base):\n    def forward(self, x):\n        return fast(x)\n\
                @decorator('x')\ndef kernel(x):\n    return x\n\
                if not hasattr(math, 'nothing'):\n    class Inner(nn.Module):\n        def forward(self, x):\n            return x";
    let init = "self.w = nn.Parameter(torch.ones(8))\ninit.copy_(self.w, torch.full((8,), 0.5))\ninit.normal_(self.w, mean=0.0, std=0.1)\nself.act = ACT2FN['silu']\nself.inner = Inner()";
    run(&layer(head, init, "return self.inner(self.act(x) * self.w)"), 2, 5);
    let used = layer(head, "", "return kernel(x)");
    let findings = trace(&used, &dims(2, 5), &Options::default()).unwrap_err();
    assert_eq!((findings[0].kind, findings[0].line), (FindingKind::Import, 12), "{findings:?}");
}

#[test]
fn kernels_of_state_spaces_are_their_recurrences() {
    let head = "from mamba_ssm.ops.selective_scan_interface import selective_scan_fn\nfrom causal_conv1d import causal_conv1d_fn\n\
                from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined";
    let values = "u = x.transpose(1, 2)\nA = -(torch.arange(8 * 3).view(8, 3) % 5 + 1) / 4.0\nB = x[..., :3].transpose(1, 2)\n\
                  C = x[..., 3:6].transpose(1, 2)\nD = torch.arange(8.0)\n";
    let fast =
        "return selective_scan_fn(u, u.flip(1), A, B, C, D, z=u, delta_bias=D, delta_softplus=True).transpose(1, 2)";
    let slow = "d = F.softplus(u.flip(1) + D[:, None])\nh = x.new_zeros(2, 8, 3)\nys = []\nfor t in range(x.shape[1]):\n    \
                h = h * torch.exp(d[:, :, t, None] * A) + d[:, :, t, None] * B[:, None, :, t] * u[:, :, t, None]\n    \
                ys.append((h * C[:, None, :, t]).sum(-1) + D * u[:, :, t])\nreturn torch.stack(ys, 1) * F.silu(x)";
    equal(&layer(head, "", &format!("{values}{fast}")), &layer("", "", &format!("{values}{slow}")), 21);

    let values = "v = x.unflatten(-1, (4, 2))\ndt = F.softplus(x[..., :4])\nA = -torch.arange(1.0, 5.0)\nB, C = x[..., None, :3], x[..., None, 3:6]\n";
    let fast = "return mamba_chunk_scan_combined(v, x[..., :4], A, B, C, 16, D=A, dt_softplus=True).flatten(2)";
    let slow = "h = x.new_zeros(2, 4, 2, 3)\nys = []\nfor t in range(x.shape[1]):\n    \
                h = h * torch.exp(dt[:, t] * A)[..., None, None] + (dt[:, t, :, None] * v[:, t])[..., None] * B[:, t, :, None]\n    \
                ys.append((h * C[:, t, :, None]).sum(-1) + A[:, None] * v[:, t])\nreturn torch.stack(ys, 1).flatten(2)";
    equal(&layer(head, "", &format!("{values}{fast}")), &layer("", "", &format!("{values}{slow}")), 21);

    let conv = "return causal_conv1d_fn(x.transpose(1, 2), x[0, :4].T, activation='silu').transpose(1, 2)";
    let plain =
        "return F.silu(F.conv1d(F.pad(x.transpose(1, 2), (3, 0)), x[0, :4].T.unsqueeze(1), groups=8)).transpose(1, 2)";
    equal(&layer(head, "", conv), &layer("", "", plain), 9);
}

#[test]
fn angles_reflections_and_transforms_are_what_they_say() {
    let turned = "z = torch.complex(x, x.flip(-1))\nreturn torch.polar(z.abs(), z.angle()).real";
    equal(&layer("", "", turned), &layer("", "", "return x + 0.0"), 5);
    equal(
        &layer("", "", "return torch.atan2(x, x.flip(-1) + 1.5).tan()"),
        &layer("", "", "return x / (x.flip(-1) + 1.5)"),
        5,
    );
    equal(&layer("", "", "q, r = torch.linalg.qr(x)\nreturn q @ r"), &layer("", "", "return x + 0.0"), 8);
    let product = "z = torch.polar(x.abs() + 1.0, x)\nreturn z.cumprod(1).angle().sin()";
    equal(&layer("", "", product), &layer("", "", "return x.cumsum(1).sin()"), 5);
    equal(&layer("", "", "return torch.fft.ifft2(torch.fft.fft2(x)).real"), &layer("", "", "return x + 0.0"), 5);
    equal(&layer("", "", "return torch.logaddexp(x, -x)"), &layer("", "", "return (x.exp() + (-x).exp()).log()"), 5);
}

#[test]
fn a_correlation_by_conjugate_spectra_is_proved_causal() {
    let forward = "n = 2 * x.shape[1]\nk = torch.arange(x.shape[1] - 1.0, -1.0, -1.0).neg().exp()\n\
                   f = torch.fft.rfft(k, n=n).conj()\n\
                   y = torch.fft.irfft(torch.fft.rfft(x, n=n, dim=1) * f.view(*f.shape, 1), n, dim=1).roll(-1, dims=(1,))\n\
                   return y[:, n - x.shape[1]:]";
    let source = layer("", "", forward);
    assert_eq!(check(&source, &GateConfig::new(dims(1, 64))).causality, Proof::Proved);
    let direct = "w = torch.arange(float(x.shape[1])).neg().exp()\nreturn torch.stack([(x[:, :t + 1] * w[:t + 1].flip(0)[:, None]).sum(1) for t in range(x.shape[1])], 1)";
    equal(&source, &layer("", "", direct), 7);
}

#[test]
fn a_complex_parameter_is_kept_as_two_parts() {
    let init = "self.B = nn.Parameter(torch.complex(torch.randn(8, 3), torch.randn(8, 3)))";
    let source = layer("", init, "return (x.to(torch.complex64) @ self.B @ self.B.conj().mT).real");
    let graph = trace(&source, &dims(2, 5), &Options::default()).unwrap_or_else(|f| panic!("{f:?}")).graph;
    assert_eq!(graph.params[0].shape, [8, 3, 2]);
    let parts = "r, i = self.B[..., 0], self.B[..., 1]\nreturn x @ r @ r.T + x @ i @ i.T";
    equal(&source, &layer("", "self.B = nn.Parameter(torch.randn(8, 3, 2))", parts), 5);
}

#[test]
fn pieces_of_python_that_libraries_lean_on() {
    let head = "from functools import wraps\nfrom enum import Enum\nfrom types import SimpleNamespace\nfrom packaging import version\n\
                from itertools import zip_longest, combinations\nfrom operator import itemgetter\nimport numpy as np\nfrom collections import namedtuple\n\
                Kind = Enum('Kind', ['SLOW', 'FAST'])\nclass Level(Enum):\n    LOW = 'low'\n    HIGH = 'high'\n\
                def quiet(f):\n    @wraps(f)\n    def inner(*args, **kwargs):\n        return f(*args, **kwargs) + 1\n    return inner\n\
                @quiet\ndef shifted(x):\n    return x";
    let forward = "assert Kind.FAST.value == 2 and Level('high') is Level.HIGH and SimpleNamespace(a=1).a == 1\n\
                   assert version.parse(torch.__version__) >= version.parse('2.0.0') and not version.parse('1.9') > version.parse('1.10')\n\
                   assert list(zip_longest([1], [2, 3])) == [(1, 2), (None, 3)] and len(list(combinations(range(4), 2))) == 6\n\
                   assert itemgetter(1)([5, 6]) == 6 and np.arange(3)[np.newaxis].shape == (1, 3)\n\
                   m = torch.arange(3).unsqueeze_(1)\nm.unsqueeze_(0)\nassert m.shape == (1, 3, 1)\n\
                   assert x.sum(axis=1, keepdims=True).shape == (2, 1, 8)\n\
                   return shifted(x) - 1";
    equal(&layer(head, "", forward), &layer("", "", "return x + 0.0"), 5);
}

#[test]
fn a_configuration_from_elsewhere_takes_arguments_and_says_what_it_assumes() {
    let source = "import torch.nn as nn\nfrom .configuration import LayerConfig\nclass Layer(nn.Module):\n    def __init__(self, config: LayerConfig):\n        \
                  super().__init__()\n        assert config.layer_types == ('mamba', 'attention')\n        assert getattr(config, 'rms_norm_eps', None) is None\n        \
                  self.norm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)\n    def forward(self, x):\n        return self.norm(x)\n";
    let args = [("layer_types".to_owned(), "['mamba', 'attention']".parse::<ArgValue>().unwrap())];
    let dims = Dims { args: args.into_iter().collect(), ..dims(2, 5) };
    let traced = trace(source, &dims, &Options::default()).unwrap_or_else(|f| panic!("{f:?}"));
    assert!(
        traced.notes.iter().any(|n| n.text.contains("config.rms_norm_eps is taken as 1e-06")),
        "{:?}",
        traced.notes
    );
}

#[test]
fn a_whole_mamba_layer_by_name_is_its_parts() {
    let head = "from mamba_ssm.ops.selective_scan_interface import mamba_inner_fn, selective_scan_fn\nfrom causal_conv1d import causal_conv1d_fn";
    let values = "n, b = x.shape[1], torch.arange(4.0)\nxz = x.transpose(1, 2)\nw = torch.arange(12.0).view(4, 1, 3).sin()\n\
                  A, p = -torch.ones(4, 2), torch.arange(20.0).view(5, 4).cos()\nd, o = b[:, None] / 4, torch.arange(32.0).view(8, 4).sin()\n";
    let whole = "return mamba_inner_fn(xz, w, b, p, d, o, None, A, D=b, delta_bias=b)";
    let parts = "u, z = xz.chunk(2, dim=1)\nu = causal_conv1d_fn(u, w[:, 0], b, activation='silu')\nr = (u.mT @ p.T).mT\n\
                 y = selective_scan_fn(u, (r[:, :1].mT @ d.T).mT, A, r[:, 1:3], r[:, 3:], b, z, b, True)\nreturn y.mT @ o.T";
    equal(&layer(head, "", &format!("{values}{whole}")), &layer(head, "", &format!("{values}{parts}")), 9);
}

#[test]
fn a_weight_is_split_into_length_and_direction_under_pytorchs_names() {
    for (head, names) in [
        ("from torch.nn.utils import weight_norm", ["l.weight_g", "l.weight_v"]),
        (
            "from torch.nn.utils.parametrizations import weight_norm",
            ["l.parametrizations.weight.original0", "l.parametrizations.weight.original1"],
        ),
    ] {
        let source = layer(head, "self.l = weight_norm(nn.Linear(8, 8, bias=False))", "return self.l(x)");
        let traced = trace(&source, &dims(2, 5), &Options::default()).unwrap();
        let found: Vec<_> = traced.graph.params.iter().map(|p| (p.name.as_str(), &p.shape[..])).collect();
        assert_eq!(found, [(names[0], &[8, 1][..]), (names[1], &[8, 8])]);
        let init = "self.g = nn.Parameter(torch.ones(8, 1))\nself.v = nn.Parameter(torch.ones(8, 8))";
        let own = layer("", init, "return x @ (self.g * self.v / self.v.norm(dim=1, keepdim=True)).t()");
        equal(&source, &own, 5);
    }
}

#[test]
fn vmap_maps_over_the_axes_that_it_is_given() {
    let head = "from torch.func import vmap";
    let mapped = "f = lambda a, b, c: (a @ b.mT + c, a.sum(-1))\ny, z = vmap(f, in_dims=(0, 0, None), out_dims=(1, 0))(x, x, x[0, :, :1])\n\
                  return torch.vmap(lambda y: y * 2)(y.transpose(0, 1) @ x + z[..., None])";
    let plain = "y = x @ x.mT + x[0, :, :1]\nreturn 2 * (y @ x + x.sum(-1, keepdim=True))";
    equal(&layer(head, "", mapped), &layer("", "", plain), 5);
}

#[test]
fn an_attribute_can_be_deleted_before_the_first_call() {
    equal(
        &layer(
            "",
            "self.a, self.b = 2, 3\ndelattr(self, 'a')\ndel self.b",
            "return x * getattr(self, 'a', 5) * getattr(self, 'b', 7)",
        ),
        &layer("", "", "return x * 35"),
        5,
    );
    let source = layer("", "self.a = 2", "y = x * self.a\ndel self.a\nreturn y");
    let traced = trace(&source, &dims(2, 5), &Options::default());
    assert!(traced.map_or_else(|f| f[0].kind, |t| t.hidden_state[0].kind) == FindingKind::HiddenState);
}
