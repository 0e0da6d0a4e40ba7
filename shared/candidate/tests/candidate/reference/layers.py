"""Run every layer of ../programs with PyTorch and write layers.json; with --check compare with it instead.

    python layers.py [--check] [NAME ..]        (from this folder; needs torch and einops)

`fla` and `transformers` are the library texts that the candidate language itself reads; fla_kernels.py compares their
kernels with the naive references of fla-core.

Each layer runs at two sizes in double precision: [2, 37, 16] with 2 heads (37 is no multiple of a chunk) and [1, 64, 32]
with 4. Parameter i in the order of sorted names holds 0.2 * sin(0.37 j^2 + 0.11 j + i), plus 1 where it is a vector; the
input holds sin(0.37 j^2 + 0.11 j). What is kept, to 9 digits: of each output y every 29th value and its norm; of each
parameter's gradient of sum(y * cos(j)), the sum of g_j * cos(j) and the norm of g.
"""

import json
import pathlib
import sys
import types

import torch

import fla_shim  # noqa: F401  (registers fla)

torch.set_default_dtype(torch.float64)
torch.compile = lambda f=None, **_: f if f is not None else (lambda g: g)
torch.jit.script = lambda f: f
# Single precision that a text asks for by name is double here as well.
torch.float = torch.float32 = torch.float64
torch.Tensor.float = torch.Tensor.double
SIZES = {"2x37x16": (2, 37, 16, 2), "1x64x32": (1, 64, 32, 4)}
WIDTH = ("d_model", "hidden_size", "dim", "embed_dim", "n_embd", "model_dim", "embedding_dim")
HEADS = ("num_heads", "heads", "n_heads", "n_head", "num_attention_heads", "nheads")


def wave(n, phase=0.0):
    j = torch.arange(n, dtype=torch.float64)
    return torch.sin(0.37 * j * j + 0.11 * j + phase)


def cosines(n):
    return torch.cos(torch.arange(n, dtype=torch.float64))


def arguments(function, width, heads):
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return {n: width for n in WIDTH if n in names} | {n: heads for n in HEADS if n in names}


def layer(path, width, heads):
    name = f"layer_{path.stem}"
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(path.read_text(), path.name, "exec"), module.__dict__)
    own = [v for v in module.__dict__.values() if isinstance(v, type) and v.__module__ == name]
    root = [c for c in own if issubclass(c, torch.nn.Module)][-1]
    given = arguments(root.__init__, width, heads)
    for argument in ("config", "cfg"):
        if argument in root.__init__.__code__.co_varnames[: root.__init__.__code__.co_argcount]:
            kind = root.__init__.__annotations__[argument]
            kind = module.__dict__[kind] if isinstance(kind, str) else kind
            given[argument] = kind(**arguments(kind.__init__, width, heads))
    net = root(**given).double()
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, torch.nn.RMSNorm) and module.eps is None:
            module.eps = 2.0**-23  # of single precision
    return net


def run(path, batch, time, width, heads):
    torch.manual_seed(0)
    net = layer(path, width, heads)
    params = sorted((n, p) for n, p in net.named_parameters() if p.requires_grad)
    with torch.no_grad():
        for i, (_, p) in enumerate(params):
            p.copy_(0.2 * wave(p.numel(), i).view_as(p) + (1.0 if p.dim() == 1 else 0.0))
    y = net(wave(batch * time * width).view(batch, time, width))
    while isinstance(y, (tuple, list, dict)):
        y = y[0] if not isinstance(y, dict) else next(iter(y.values()))
    assert y.shape == (batch, time, width), y.shape
    (y * cosines(y.numel()).view_as(y)).sum().backward()
    grads = {}
    for n, p in params:
        g = torch.zeros_like(p) if p.grad is None else p.grad
        grads[n] = [(g.flatten() * cosines(p.numel())).sum().item(), g.norm().item()]
    return {"output": y.flatten()[::29].tolist(), "norm": y.norm().item(), "gradients": grads}


def rounded(value):
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list) else float(f"{value:.9g}")


def apart(a, b):
    """The largest difference, relative to the norms."""
    worst = 0.0
    for size in a:
        x, y = a[size], b[size]
        scale = y["norm"] / (29 * len(y["output"])) ** 0.5
        worst = max([worst] + [abs(u - v) / scale for u, v in zip(x["output"], y["output"])])
        for n, (dot, norm) in y["gradients"].items():
            worst = max(worst, abs(x["gradients"][n][0] - dot) / (norm + 1e-4), abs(x["gradients"][n][1] - norm) / (norm + 1e-4))
    return worst


def main():
    names = [a for a in sys.argv[1:] if not a.startswith("--")]
    paths = sorted(p for p in pathlib.Path("../programs").glob("*.py") if not names or p.stem in names)
    results, failed = {}, 0
    for path in paths:
        try:
            results[path.stem] = rounded({k: run(path, *size) for k, size in SIZES.items()})
        except Exception as error:
            if not names and "--check" not in sys.argv:
                raise
            failed += 1
            print(f"{path.stem}: {type(error).__name__}: {error}")
    file = pathlib.Path("layers.json")
    known = json.loads(file.read_text()) if file.exists() else {}
    if "--check" in sys.argv:
        for name, result in results.items():
            distance = apart(result, known[name])
            failed += distance > 1e-6
            print(f"{name:32} {distance:.1e} {'differs' if distance > 1e-6 else 'equal'}")
        sys.exit(failed > 0)
    results = (known | results) if names else results
    lines = [f"{json.dumps(n)}: {json.dumps(results[n], separators=(',', ':'))}" for n in sorted(results)]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
