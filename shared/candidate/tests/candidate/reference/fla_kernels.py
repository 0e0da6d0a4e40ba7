"""Compare the kernels of the candidate language's `fla` with the naive references of fla-core.

    python fla_kernels.py FOLDER        FOLDER holds an installed (or unpacked) fla-core: FOLDER/fla/ops/..

Needs torch and einops; neither triton nor a GPU. Every kernel runs on [2, 37, 3, 8] in single precision, since the
references do.
"""

import importlib.util
import pathlib
import sys

import torch
import torch.nn.functional as F

import fla_shim

own = fla_shim.names
folder = pathlib.Path(sys.argv[1]) / "fla/ops"
B, T, H, D, M = 2, 37, 3, 8, 5


def naive(path):
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), folder / f"{path}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def swap(*xs):
    return [x.transpose(1, 2) for x in xs]


torch.manual_seed(0)
q, k, v, p, a = (torch.randn(B, T, H, D) for _ in range(5))
unit = F.normalize(k, dim=-1)
beta, g = torch.rand(B, T, H), F.logsigmoid(torch.randn(B, T, H))
gk, gs = F.logsigmoid(torch.randn(B, T, H, D)), F.logsigmoid(torch.randn(B, T, H, M))
s, u = torch.randn(B, T, H, M), torch.randn(H, D)
scale = D**-0.5
many = lambda x: torch.randn(B, 2 * T, *x.shape[2:])
levels, s8 = torch.rand(B, T, H, 7), torch.randn(H, D)


def moba(q, k, v, size, topk):
    """One query at a time."""
    o = torch.zeros_like(v)
    for b, t, h in ((b, t, h) for b in range(B) for t in range(T) for h in range(H)):
        fit = [(q[b, t, h] @ k[b, n * size : (n + 1) * size, h].mean(0)).item() for n in range(min(t // size, (T - 1) // size))]
        chosen = sorted(range(len(fit)), key=lambda n: -fit[n])[: topk - 1]
        seen = [j for n in chosen for j in range(n * size, (n + 1) * size)] + list(range(t // size * size, t + 1))
        o[b, t, h] = (k[b, seen, h] @ q[b, t, h] * D**-0.5).softmax(0) @ v[b, seen, h]
    return o


k2, v2, beta2 = F.normalize(many(k), dim=-1), many(v), torch.rand(B, 2 * T, H)

CASES = {
    "chunk_delta_rule": lambda: (
        own["chunk_delta_rule"](q, unit, v, beta)[0],
        naive("delta_rule/naive").delta_rule_recurrence(*swap(q, unit, v, beta))[0].transpose(1, 2),
    ),
    "chunk_gated_delta_rule": lambda: (
        own["chunk_gated_delta_rule"](q, unit, v, g, beta)[0],
        naive("gated_delta_rule/naive").naive_recurrent_gated_delta_rule(q, unit, v, beta, g)[0],
    ),
    "chunk_kda": lambda: (
        own["chunk_kda"](q, unit, v, gk, beta)[0],
        naive("kda/naive").naive_recurrent_kda(q, unit, v, gk, beta)[0],
    ),
    "chunk_comba": lambda: (
        own["chunk_comba"](q, unit, v, 0.5 * unit, g, beta)[0],
        naive("comba/naive").naive_recurrent_comba(q, unit, v, 0.5 * unit, beta, g)[0],
    ),
    "chunk_gated_delta_product": lambda: (
        own["chunk_gated_delta_product"](q, k2, v2, g, beta2, 2)[0],
        naive("gated_delta_product/naive").naive_recurrent_gated_delta_product(q, k2, v2, g, beta2, scale, num_householder=2)[0],
    ),
    "chunk_dplr_delta_rule": lambda: (
        own["chunk_dplr_delta_rule"](q, k, v, -unit, 0.5 * unit, gk)[0],
        naive("generalized_delta_rule/dplr/naive").dplr_recurrence(*swap(q, k, v, -unit, 0.5 * unit, gk))[0].transpose(1, 2),
    ),
    "chunk_gla": lambda: (own["chunk_gla"](q, k, v, gk)[0], naive("gla/naive").naive_recurrent_gla(q, k, v, gk)[0]),
    "chunk_simple_gla": lambda: (
        own["chunk_simple_gla"](q, k, v, g)[0],
        naive("simple_gla/naive").naive_recurrent_simple_gla(q, k, v, g)[0],
    ),
    "chunk_retention": lambda: (
        own["chunk_retention"](q, k, v)[0],
        naive("retention/naive").naive_retention(*swap(q, k, v)).transpose(1, 2),
    ),
    "chunk_linear_attn": lambda: (
        own["chunk_linear_attn"](q.exp(), k.exp(), v)[0],
        naive("linear_attn/naive").naive_recurrent_linear_attn(q.exp(), k.exp(), v, normalize=True)[0],
    ),
    "chunk_rwkv6": lambda: (
        own["chunk_rwkv6"](q, k, v, gk, u)[0],
        naive("rwkv6/recurrent_naive").naive_recurrent_rwkv6(*swap(q, k, v, gk), u)[0].transpose(1, 2),
    ),
    "chunk_hgrn": lambda: (
        own["chunk_hgrn"](v[:, :, 0], gk[:, :, 0])[0],
        naive("hgrn/naive").naive_recurrent_hgrn(v[:, :, 0], gk[:, :, 0])[0],
    ),
    "chunk_gsa": lambda: (
        own["chunk_gsa"](q, k, v, s, gs)[0],
        naive("gsa/naive").naive_recurrent_gsa(q, k, v, s, gs, scale)[0],
    ),
    "chunk_abc": lambda: (
        own["chunk_abc"](q, k, v, s)[0],
        naive("abc/naive").naive_recurrent_abc(*swap(q, k, v, s))[0].transpose(1, 2),
    ),
    "parallel_based": lambda: (
        own["parallel_based"](q, k, v),
        naive("based/naive").naive_parallel_based(*swap(q, k, v)).transpose(1, 2),
    ),
    "parallel_rebased": lambda: (
        own["parallel_rebased"](q, k, v, eps=1e-6),
        naive("rebased/naive").naive_parallel_rebased(*swap(q, k, v)).transpose(1, 2),
    ),
    "parallel_attn": lambda: (
        own["parallel_attn"](q, k, v, g=g, window_size=9),
        naive("attn/naive").naive_parallel_attn(q, k, v, g=g, window_size=9)[0],
    ),
    "parallel_stickbreaking_attn": lambda: (
        own["parallel_stickbreaking_attn"](q, k, v)[0],
        naive("stickbreaking_attn/naive").naive_stickbreaking_attn(q, k, v)[0],
    ),
    "parallel_parallax": lambda: (
        own["parallel_parallax"](q, a, k, v, window_size=9),
        naive("parallax/naive").naive_parallax(q, a, k, v, window_size=9),
    ),
    "deltaformer_attn": lambda: (
        own["deltaformer_attn"](q, k, v, beta),
        naive("deltaformer/naive").naive_deltaformer_attn(q, k, v, beta),
    ),
    "parallel_path_attn": lambda: (
        own["parallel_path_attn"](q, k, v, unit, beta, g)[0],
        naive("path_attn/naive").naive_path_attn(q, k, v, unit, beta, g, scale),
    ),
    "chunk_gdn2": lambda: (
        own["chunk_gdn2"](q, unit, v, gk, a.sigmoid(), p.sigmoid())[0],
        naive("gdn2/naive").naive_recurrent_gdn2(q, unit, v, gk, a.sigmoid(), p.sigmoid())[0],
    ),
    "chunk_precond_gated_delta_rule": lambda: (
        own["chunk_precond_gated_delta_rule"](F.normalize(q, dim=-1), unit, v, g, gk[..., 0], beta, beta)[0],
        naive("precond_gated_delta_rule/naive").naive_recurrent_precond_gated_delta_rule(
            q, unit, v, g, gk[..., 0], beta, beta
        )[0],
    ),
    "chunk_precond_kda": lambda: (
        own["chunk_precond_kda"](q, unit, v, gk, g, beta, beta)[0],
        naive("precond_kda/naive").naive_recurrent_precond_kda(q, unit, v, gk, g, beta, beta)[0],
    ),
    "chunk_momentum_delta_rule": lambda: (
        own["chunk_momentum_delta_rule"](q, unit, v, g, gk[..., 0], unit, beta, 0.5 * beta)[0],
        naive("momentum_delta_rule/naive").recurrent_momentum_delta_rule_ref(
            q, unit, v, g, gk[..., 0], unit, beta, 0.5 * beta
        )[0],
    ),
    "chunk_mesa_net": lambda: (
        own["chunk_mesa_net"](q, unit, v, g, beta, 0.5 + torch.ones(H, D), max_CG_iteration=30)[0],
        naive("mesa_net/naive").naive_mesa_net_exact(q, unit, v, g, 0.5 + torch.ones(H, D), beta)[0],
    ),
    "chunk_log_linear_attn": lambda: (
        own["chunk_log_linear_attn"](q, k, v, g, levels)[0],
        naive("log_linear_attn/naive").naive_log_linear_attn(q, k, v, g, levels),
    ),
    "chunk_ttt_linear": lambda: (
        own["chunk_ttt_linear"](q, unit, v, s8, u, 0.1 * beta.unsqueeze(-1))[0],
        naive("ttt/naive").chunk_ttt_linear_ref(q.clone(), unit, v, s8, u, 0.1 * beta.unsqueeze(-1))[0],
    ),
    "parallel_moba": lambda: (own["parallel_moba"](q, k, v, chunk_size=8, topk=3), moba(q, k, v, 8, 3)),
}

failed = 0
for name, case in CASES.items():
    try:
        got, want = case()
        distance = ((got - want).abs().max() / want.abs().max()).item()
        failed += not distance < 1e-4
        print(f"{name:28} {distance:.1e} {'equal' if distance < 1e-4 else 'DIFFERS'}")
    except Exception as error:
        failed += 1
        print(f"{name:28} {type(error).__name__}: {error}")
sys.exit(failed > 0)
