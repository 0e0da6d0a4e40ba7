//! Constructs of the language, one small program each.

use move37_candidate::finding::{Finding, FindingKind};
use move37_candidate::ir::{Op, Unary};
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

#[test]
fn constructs_of_the_language_trace() {
    let programs = [
        // functions, closures, lambdas, defaults, stars
        "def f(a, b=2, *c, k=1, **d):\n    return a * b + sum(c) * k + len(d)\nreturn x * f(1, 3, 4, 5, k=2, z=0)",
        "g = lambda a, s=0.5: a * s\nreturn g(x) + (lambda: x)()",
        "def outer(n):\n    def inner(y):\n        return y * n\n    return inner\nreturn outer(3)(x)",
        "def count():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    up()\n    return up()\nassert count() == 2\nreturn x",
        "def gen(n):\n    for i in range(n):\n        yield i\nassert list(gen(3)) == [0, 1, 2]\nreturn x",
        // containers, comprehensions, unpacking
        "a, *b, c = [1, 2, 3, 4]\nassert b == [2, 3] and c == 4\n(d, e), f = (1, 2), 3\nreturn x * (a + d + e + f)",
        "d = {k: v for k, v in zip('ab', [1, 2])}\nd['c'] = 3\nassert list(d.items()) == [('a', 1), ('b', 2), ('c', 3)]\nreturn x * sum(v for v in d.values() if v > 1)",
        "s = {1, 2} | {3}\nassert 3 in s and len(s) == 3\nl = [i * j for i in range(3) for j in range(i)]\nassert l == [0, 0, 2]\nl[1:2] = [7, 8]\ndel l[0]\nassert l == [7, 8, 2]\nreturn x",
        "assert f'{1 + 1:02d}|{0.5:.3f}|{\"a\"!r}' == \"02|0.500|'a'\"\nreturn x",
        "if (n := x.shape[-1]) > 3:\n    return x * n\nreturn x",
        // control flow
        "i = 0\nwhile True:\n    i += 1\n    if i == 2:\n        continue\n    if i > 4:\n        break\nelse:\n    i = 100\nassert i == 5\nreturn x",
        "for i in range(3):\n    pass\nelse:\n    i = 9\nassert i == 9\nreturn x if i > 3 else None",
        "try:\n    raise ValueError('no')\nexcept (KeyError, ValueError) as e:\n    assert str(e) == 'no'\nfinally:\n    y = x\nreturn y",
        "try:\n    import flash_attn\nexcept ImportError:\n    flash_attn = None\nassert flash_attn is None\nreturn x",
        "def kind(v):\n    match v:\n        case None | False:\n            return 'none'\n        case 1 | 2:\n            return 'few'\n        case int(n) if n > 9:\n            return f'many {n}'\n        case [a, *rest]:\n            return len(rest)\n        case {'k': inner}:\n            return inner\n        case str():\n            return 'text'\n        case _:\n            return 'other'\nassert [kind(v) for v in (None, 2, 12, [1, 2, 3], {'k': 5}, 'a', 3)] == ['none', 'few', 'many 12', 2, 5, 'text', 'other']\nreturn x",
        // objects
        "from enum import Enum\nclass Mode(Enum):\n    FAST = 'fast'\n    SLOW = 'slow'\nassert Mode.FAST.value == 'fast' and Mode.SLOW.name == 'SLOW' and Mode.FAST is Mode.FAST and Mode.FAST != Mode.SLOW\nreturn x",
        "from collections import namedtuple, defaultdict, OrderedDict\nP = namedtuple('P', 'a b')\np = P(1, b=2)\na, b = p\nassert (a, b, p.a, p[1], len(p)) == (1, 2, 1, 2, 2) and isinstance(p, tuple)\nd = defaultdict(list)\nd['k'].append(3)\nassert d['k'] == [3] and dict(d) == {'k': [3]}\nreturn x",
        "from typing import NamedTuple, Optional\nclass S(NamedTuple):\n    a: int\n    b: Optional[int] = None\n    def total(self):\n        return self.a + (self.b or 0)\ns = S(1)\nassert s.total() == 1 and s.b is None\nreturn x",
        "class A:\n    def __init__(self):\n        self._v = 1\n    @property\n    def v(self):\n        return self._v\n    @v.setter\n    def v(self, value):\n        self._v = value * 2\n    def __len__(self):\n        return 3\n    def __getitem__(self, i):\n        return i * self._v\n    def __contains__(self, i):\n        return i == 7\n    def __add__(self, other):\n        return self._v + other\n    def __iter__(self):\n        return iter([1, 2])\na = A()\na.v = 4\nassert (a.v, len(a), a[2], 7 in a, a + 1, list(a)) == (8, 3, 16, True, 9, [1, 2])\nreturn x",
        // imports that the path taken does not need
        "import triton\nimport triton.language as tl\nfrom flash_attn import flash_attn_func\n@triton.jit\ndef kernel(p, n: tl.constexpr):\n    tl.load(p)\nif False:\n    kernel(x, 3)\nreturn x",
        "import os\nimport logging\nlogger = logging.getLogger(__name__)\nlogger.warning('no')\nassert os.environ.get('MODE', 'a') == 'a' and os.getenv('MODE') is None and not os.environ\nreturn x",
        "from itertools import chain, product, accumulate\nfrom operator import mul\nfrom functools import reduce as fold\nfrom contextlib import nullcontext\nassert list(chain([1], [2])) == [1, 2] and len(list(product('ab', [1, 2]))) == 4 and list(accumulate([1, 2, 3])) == [1, 3, 6] and fold(mul, [2, 3]) == 6\nwith nullcontext():\n    y = x\nreturn y",
        "from torch.utils.checkpoint import checkpoint\nreturn checkpoint(lambda a, b: a * b, x, 2.0, use_reentrant=False)",
        "from einops import pack, unpack\ny, shapes = pack([x, x[:, 0]], 'b * d')\nassert y.shape == (2, 9, 32)\na, b = unpack(y, shapes, 'b * d')\nassert a.shape == (2, 8, 32) and b.shape == (2, 32)\nreturn a",
        // complex tensors
        "z = torch.view_as_complex(x.view(2, 8, 16, 2)) * torch.polar(torch.ones(8, 16), torch.arange(128.0).view(8, 16))\nassert z.shape == (2, 8, 16) and z.is_complex() and not x.is_complex()\nreturn torch.view_as_real(z).flatten(2)",
        "y = torch.fft.irfft(torch.fft.rfft(x, n=16, dim=1) * torch.fft.rfft(x[0], n=16, dim=0)[None], n=16, dim=1)\nreturn y[:, :8]",
        // numbers
        "assert 7 // -2 == -4 and 7 % -2 == -1 and 2 ** 10 == 1024 and 2 ** -1 == 0.5 and -7 // 2 == -4\nreturn x",
        "assert 1 < 2 <= 2 != 3 and not (1 > 2) and (None or 5) == 5 and round(2.5) == 2 and int(-1.7) == -1\nreturn x",
        "assert math.ceil(5 / 2) == 3 and math.isqrt(17) == 4 and math.isclose(0.1 + 0.2, 0.3) and not math.isclose(1, 1.1, rel_tol=0.01) and abs(math.sqrt(2) - 1.41421356) < 1e-6\nreturn x",
        // subscripts
        "assert x[..., None].shape == (2, 8, 32, 1) and x[:, -1].shape == (2, 32) and x[0, 1:7:2, :5].shape == (3, 5)\nreturn x",
        "assert x[:, [0, -1]].shape == (2, 2, 32) and x[torch.arange(2)[:, None], torch.arange(3)].shape == (2, 3, 32)\nreturn x",
        "A = torch.zeros(2, 4, 4)\nfor i in range(1, 4):\n    A[..., i, :i] = A[..., i, :i] + i\nassert A[0, 3].tolist() == [3.0, 3.0, 3.0, 0.0]\nreturn x",
        "m = torch.arange(4) > 1\nassert torch.arange(4)[m].tolist() == [2, 3]\ny = torch.arange(4)\ny[m] = 0\nassert y.tolist() == [0, 1, 0, 0]\nreturn x",
        // torch
        "B, T, D = x.shape\nq, k, v = x.chunk(4, dim=-1)[:3]\nreturn torch.einsum('btd,bsd->bts', q, k).tril() @ x",
        "y = rearrange(x, 'b (n c) (h d) -> b h n c d', c=4, h=4)\ny = repeat(y, 'b h n c d -> b h n c (d r)', r=2)\ny = reduce(y, 'b h n c (d r) -> b h n c d', 'mean', r=2)\nreturn rearrange(y, 'b h n c d -> b (n c) (h d)')",
        "v, i = x.topk(3, dim=-1)\ny = torch.zeros_like(x).scatter(-1, i, v)\nreturn y + x.max(dim=-1, keepdim=True).values",
        "assert torch.finfo(x.dtype).min < -1e38 and torch.finfo(torch.float16).eps < 1e-6 and torch.iinfo(torch.int64).max > 2 ** 62\ny = F.layer_norm(x, (32,)) + F.normalize(x, dim=-1) + F.gelu(x) + x.clamp(-1, 1) + x.var(-1, keepdim=True, unbiased=False)\nreturn y.masked_fill(y > 0, 0.0)",
        "y = torch.stack([x, x], dim=1).mean(1)\nreturn torch.where(y > 0, y, -y).to(torch.float32).type_as(x).contiguous()",
        "y = x.clone()\ny.mul_(2).add_(1)\ny += x\ny[:, 0] -= 1\nreturn y",
        "y = x.unfold(1, 2, 1)\nassert y.shape == (2, 7, 32, 2)\nreturn F.pad(y.sum(-1), (0, 0, 1, 0))",
    ];
    for forward in programs {
        ok("", forward);
    }
}

#[test]
fn modules_name_their_parameters_as_pytorch_does() {
    let source = "
from __future__ import annotations
from dataclasses import dataclass
from typing import Optional, TYPE_CHECKING
import torch
from torch import nn, Tensor
if TYPE_CHECKING:
    from nowhere import Thing

@dataclass
class Config:
    width: int = 8
    bias: bool = False

class Norm(nn.Module):
    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super(Norm, self).__init__()
        self.scale = nn.Parameter(torch.ones(dim))
        self.eps = eps

    @staticmethod
    def square(x):
        return x.pow(2)

    @property
    def size(self):
        return self.scale.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        assert self.size == x.size(-1)
        return x * torch.rsqrt(self.square(x).mean(-1, keepdim=True) + self.eps) * self.scale

class Base(nn.Module):
    def __init__(self, hidden_size, **kwargs):
        super().__init__()
        self.norm = Norm(hidden_size)
        self.extra = kwargs

class Mixer(Base):
    def __init__(self, hidden_size: int, num_heads: int = 2, layer_idx: Optional[int] = None, **kwargs):
        super().__init__(hidden_size, **kwargs)
        config = Config(bias=True)
        self.layers = nn.ModuleList([nn.Linear(hidden_size, hidden_size, bias=config.bias) for _ in range(2)])
        self.gates = nn.ModuleDict({'a': nn.Sequential(nn.Linear(hidden_size, 1), nn.Sigmoid())})
        self.conv = nn.Conv1d(hidden_size, hidden_size, 3, groups=hidden_size, padding=2, bias=False)
        self.register_buffer('decay', torch.linspace(0, 1, hidden_size))
        self.tied = self.layers[0].weight
        nn.init.zeros_(self.layers[1].bias)
        with torch.no_grad():
            self.conv.weight[:, :, -1] = 1.0

    @torch.compile
    def forward(self, hidden_states, attention_mask=None, use_cache: bool = False, **kwargs):
        x = self.norm(hidden_states)
        for layer in self.layers:
            x = torch.nn.functional.silu(layer(x))
        if attention_mask is not None:
            x = x * attention_mask
        y = self.conv(x.transpose(1, 2))[..., :x.shape[1]].transpose(1, 2)
        return y * self.gates['a'](x) * self.decay, None, None
";
    let traced = trace(source, &dims(2, 8), &Options::default()).unwrap();
    let names: Vec<_> = traced.graph.params.iter().map(|p| (p.name.as_str(), p.shape.clone())).collect();
    let expected = [
        ("tied", vec![32, 32]),
        ("norm.scale", vec![32]),
        ("layers.0.bias", vec![32]),
        ("layers.1.weight", vec![32, 32]),
        ("layers.1.bias", vec![32]),
        ("gates.a.0.weight", vec![1, 32]),
        ("gates.a.0.bias", vec![1]),
        ("conv.weight", vec![32, 1, 3]),
        ("decay", vec![32]),
    ];
    assert_eq!(names, expected);
    assert_eq!(traced.class, "Mixer");
}

#[test]
fn detach_and_no_grad_cut_the_gradient_and_nothing_else() {
    let cut = |forward: &str| {
        let graph = ok("self.p = nn.Linear(d_model, d_model)", forward).graph;
        graph.nodes().iter().filter(|n| n.op == Op::Unary(Unary::Detach)).count()
    };
    assert_eq!(cut("y = self.p(x)\nreturn y + x.detach()"), 1);
    assert_eq!(cut("y = self.p(x)\nreturn y + (y.round() - y).detach()"), 1);
    assert_eq!(cut("y = self.p(x)\nreturn y + torch.ones(3).sum().detach()"), 0);
    assert_eq!(cut("y = self.p(x)\nwith torch.no_grad():\n    z = (y * 2).exp()\nreturn y + z"), 1);
    assert_eq!(cut("@torch.no_grad()\ndef f(v):\n    return v.mean(-1, keepdim=True)\nreturn self.p(x) * f(x)"), 1);
    // What was made outside keeps its gradient when it is only read inside.
    assert_eq!(cut("y = self.p(x)\nwith torch.no_grad():\n    z = y\nreturn z"), 0);
}

/// (forward, kind, line within forward, part of the message)
const REFUSED: &[(&str, FindingKind, u32, &str)] = &[
    ("import os\nos.system('x')\nreturn x", FindingKind::Import, 1, "import of 'os' is not allowed"),
    ("from scipy import linalg\nreturn linalg.det(x)", FindingKind::Import, 1, "import of 'scipy' is not allowed"),
    ("from .utils import f\nreturn f(x)", FindingKind::Import, 1, "import of '.utils'"),
    ("from numpy import arrai\nreturn arrai(x)", FindingKind::Name, 1, "unknown function or class 'numpy.arrai'"),
    ("return torch.einsum('btd,bsd->bts', x, x[:, :, :3])", FindingKind::Shape, 1, "label 'd' has sizes 32 and 3"),
    ("return x @ x", FindingKind::Shape, 1, "inner sizes 32 and 8 differ"),
    ("return y", FindingKind::Name, 1, "unknown name 'y'"),
    ("return x.foo", FindingKind::Name, 1, "unknown tensor method 'foo'"),
    ("return F.softmax(x, axis=1)", FindingKind::Unsupported, 1, "softmax() has no argument 'axis'"),
    ("return self.missing(x)", FindingKind::Type, 1, "'Layer' object has no attribute 'missing'"),
    (
        "if x.sum() > 0:\n    return x\nreturn -x",
        FindingKind::Unsupported,
        1,
        "control flow must not depend on tensor values",
    ),
    (
        "y = x * 2\nwith torch.no_grad():\n    y.mul_(2)\nreturn y",
        FindingKind::Unsupported,
        3,
        "in-place change under torch.no_grad()",
    ),
    ("return x + torch.randn(3)", FindingKind::Nondeterministic, 1, "random numbers in forward"),
    ("return nn.Linear(3, 3)(x)", FindingKind::Unsupported, 1, "made in forward"),
    ("raise NotImplementedError('later')", FindingKind::Type, 1, "NotImplementedError: later"),
    ("assert x.shape[1] == 3, f'T is {x.shape[1]}'\nreturn x", FindingKind::Type, 1, "AssertionError: T is 8"),
    ("return x.view(3, -1)", FindingKind::Shape, 1, "cannot view 512 elements"),
    ("return self.forward.__globals__", FindingKind::Unsupported, 1, "access to '__globals__' is not supported"),
    ("y = x.expand(2, 2, 8, 32)\ny[0] = 1\nreturn x", FindingKind::Unsupported, 2, "expanded"),
    (
        "y = x.transpose(1, 2).reshape(2, -1)\nx += 1\nreturn y.view(2, 8, 32)",
        FindingKind::Unsupported,
        3,
        "shares memory",
    ),
    ("return nn.BatchNorm1d(3)(x)", FindingKind::Unsupported, 1, "'torch.nn.BatchNorm1d' is not supported"),
    ("return torch.fft.rfft2(x)", FindingKind::Unsupported, 1, "'torch.fft.rfft2' is not supported"),
    ("return torch.fft.rfft(x).sigmoid()", FindingKind::Unsupported, 1, "sigmoid() of a complex tensor"),
    ("return x.cummax(1)[1]", FindingKind::Type, 1, "the indices of a running extremum"),
    ("return (x", FindingKind::Syntax, 1, "not valid Python"),
];

#[test]
fn refusals_name_the_construct_and_its_line() {
    for (forward, kind, line, part) in REFUSED {
        let finding = refused(forward);
        assert!(finding.message.contains(part), "{forward}: {finding}");
        assert_eq!(finding.kind, *kind, "{forward}: {finding}");
        if *kind != FindingKind::Syntax {
            assert_eq!(finding.line, 9 + line, "{forward}: {finding}");
            assert!(finding.column > 0);
        }
    }
}

#[test]
fn hostile_programs_meet_their_bound_quickly() {
    let nested = format!("y = {}1{}\nreturn x", "[".repeat(2000), "]".repeat(2000));
    let signs = format!("return {}x", "-".repeat(100_000));
    let programs = [
        "while True: pass",
        "torch.zeros(10**12)\nreturn x",
        "y = [0] * 10**12\nreturn x",
        "y = 10**10**10\nreturn x",
        "y = 'a' * 10**9\nreturn x",
        "def f(n): return f(n + 1)\nreturn f(0)",
        "f = lambda: f()\nreturn f()",
        "y = []\nwhile True: y.append(y)",
        "y = [1]\nwhile True: y = y + y",
        "y = 'ab'\nwhile True: y += y",
        "for i in range(10**9): x = x + 1\nreturn x",
        "y = ()\nfor i in range(10**6): y = (y,)\nreturn x",
        "y = 1\nfor i in range(100): y = y * 3\nreturn x",
        "return x.repeat(10**6, 10**6, 1)",
        "return sum([x] * 10**6)",
        "y = {}\nfor i in range(10**9): y[i] = i\nreturn x",
        &nested,
        &signs,
    ];
    for forward in programs {
        let start = std::time::Instant::now();
        let findings = run("", forward).map(|_| ()).expect_err(&forward[..forward.len().min(60)]);
        assert!(
            matches!(findings[0].kind, FindingKind::Limit | FindingKind::Shape | FindingKind::Syntax),
            "{}: {}",
            &forward[..forward.len().min(60)],
            findings[0]
        );
        assert!(start.elapsed().as_secs() < 5, "{}", &forward[..forward.len().min(60)]);
    }
    assert_eq!(trace("", &dims(1, 4), &Options::default()).unwrap_err()[0].message, "the text is empty");
}

#[test]
fn a_wrong_constructor_argument_and_a_wrong_class_are_named() {
    let source = layer("", "return x");
    let mut wrong = dims(1, 4);
    wrong.args.insert("num_hed".into(), "3".parse().unwrap());
    let finding = trace(&source, &wrong, &Options::default()).unwrap_err().remove(0);
    assert_eq!(
        (finding.message.as_str(), finding.hint.as_str()),
        ("Layer has no constructor argument 'num_hed'", "did you mean 'num_heads'?")
    );
    let options = Options { class: Some("Other".into()), ..Options::default() };
    assert_eq!(trace(&source, &dims(1, 4), &options).unwrap_err()[0].message, "the text defines no class 'Other'");
}

#[test]
fn the_reference_page_is_the_one_in_docs() {
    let page = move37_candidate::language::reference();
    for name in ["einsum", "ShortConvolution", "chunk_gated_delta_rule", "masked_fill", "`hidden_size`", "ModuleDict"] {
        assert!(page.contains(name), "{name}");
    }
    assert!(page.contains("`future_leak`") && page.lines().count() <= 150, "{} lines", page.lines().count());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/language.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == page, "docs/language.md is stale; run this test with UPDATE_DOCS=1");
}

mod arbitrary {
    use proptest::prelude::*;

    use super::*;

    fn fine(source: &str) {
        if let Err(findings) = trace(source, &dims(1, 4), &Options::default()) {
            assert!(findings.iter().all(|f| !f.message.contains("defect of move37")), "{source}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn text_never_panics(source in "\\PC{0,200}") {
            fine(&source);
        }

        #[test]
        fn statements_never_panic(parts in proptest::collection::vec(prop::sample::select(PIECES), 1..14)) {
            fine(&layer("", &format!("y = x\nz = 1\ny = {}\nreturn y", parts.concat())));
        }
    }

    /// Fragments that make nearly valid programs.
    const PIECES: &[&str] = &[
        "x",
        "y",
        "z",
        "x.shape",
        "(",
        ")",
        "[",
        "]",
        ":",
        ",",
        "-1",
        "0",
        "3",
        "1.5",
        "'a'",
        "None",
        "...",
        " + ",
        " * ",
        " @ ",
        " ** ",
        " // ",
        " % ",
        ".view",
        ".sum",
        ".transpose",
        ".expand",
        ".reshape",
        ".cumsum",
        ".flip",
        ".chunk",
        ".unfold",
        ".roll",
        "torch.cat",
        "torch.einsum",
        "torch.tril",
        "torch.arange",
        "F.pad",
        "F.conv1d",
        "rearrange",
        "'b t d -> b (t d)'",
        "range",
        "len",
        "lambda a: ",
        " if ",
        " else ",
        " for i in ",
        "dim=",
        "(1)",
        "(2, 3)",
        "(-1, 0)",
        "[0]",
        "[..., 0]",
        "[:, None]",
        "[::2]",
        ".max",
        ".topk",
    ];
}
