"""Run every layer of ../programs with PyTorch and write layers.json (run it from this folder).

Needs torch and einops; `fla` is the library text that the candidate language itself reads. Parameter i in the order of
sorted names holds 0.2 * sin(0.37 j^2 + 0.11 j + i) (plus 1 where it is a vector); the input is [2, 37, 16]. Of each
output every 13th value is written, of each gradient (of the sum of output * cos(j)) its sum of g_j * cos(j).
"""

import json
import pathlib
import sys
import types

import torch

import fla_shim  # noqa: F401  (registers fla)

torch.set_default_dtype(torch.float64)
torch.compile = lambda f=None, **_: f if f is not None else (lambda g: g)
B, T, D, HEADS = 2, 37, 16, 2


def wave(n, phase=0.0):
    j = torch.arange(n, dtype=torch.float64)
    return torch.sin(0.37 * j * j + 0.11 * j + phase)


def layer(path):
    name = f"layer_{path.stem}"
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(path.read_text(), path.name, "exec"), module.__dict__)
    classes = [v for v in module.__dict__.values() if isinstance(v, type) and v.__module__ == name and issubclass(v, torch.nn.Module)]
    root = classes[-1]
    names = root.__init__.__code__.co_varnames[: root.__init__.__code__.co_argcount + root.__init__.__code__.co_kwonlyargcount]
    given = {n: D for n in ("d_model", "hidden_size", "dim") if n in names}
    given |= {n: HEADS for n in ("num_heads", "heads") if n in names}
    net = root(**given).double()
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return net


def run(path):
    torch.manual_seed(0)
    net = layer(path)
    params = sorted((n, p) for n, p in net.named_parameters() if p.requires_grad)
    with torch.no_grad():
        for i, (_, p) in enumerate(params):
            p.copy_(0.2 * wave(p.numel(), i).view_as(p) + (1.0 if p.dim() == 1 else 0.0))
    y = net(wave(B * T * D).view(B, T, D))
    y = y[0] if isinstance(y, tuple) else y
    weight = torch.cos(torch.arange(y.numel(), dtype=torch.float64)).view_as(y)
    (y * weight).sum().backward()
    grads = {}
    for n, p in params:
        g = torch.zeros_like(p) if p.grad is None else p.grad
        grads[n] = (g.flatten() * torch.cos(torch.arange(p.numel(), dtype=torch.float64))).sum().item()
    return {"output": y.flatten()[::13].tolist(), "gradients": grads}


results = {path.stem: run(path) for path in sorted(pathlib.Path("../programs").glob("*.py"))}
with open("layers.json", "w") as file:
    json.dump(results, file, indent=0)
    file.write("\n")
