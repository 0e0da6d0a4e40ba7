"""cosFormer (Qin et al. 2022): linear attention with weights relu(q_t) . relu(k_s) cos(pi (t - s) / 2 M); the cosine of a
difference splits into products of sines and cosines. M is a fixed horizon, not the length of the sequence."""

import math
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def positive(kind: str):
    match kind:
        case "relu":
            return F.relu
        case "elu" | "shifted elu":
            return lambda x: F.elu(x) + 1
        case _:
            raise ValueError(f"no positive function is named {kind}")


class CosineWeighted(nn.Module):
    """Features of q and k, [B, H, T, 2 D], whose products fall with the cosine of the distance."""

    def __init__(self, kind: str, horizon: int):
        super().__init__()
        self.positive = positive(kind)
        self.horizon = horizon

    def forward(self, x: Tensor) -> Tensor:
        turn = torch.arange(x.shape[-2], device=x.device, dtype=x.dtype).mul(math.pi / 2 / self.horizon)
        x = self.positive(x)
        return torch.cat([x * turn.cos()[:, None], x * turn.sin()[:, None]], dim=-1)


class CosineAttention(nn.Module):
    def __init__(self, embed_dim: int, num_heads: int = 2, horizon: int = 4096, kind: str = "relu", block: int = 16):
        super().__init__()
        self.num_heads, self.block = num_heads, block
        self.read = nn.ModuleDict({name: nn.Linear(embed_dim, embed_dim) for name in ("q", "k", "v")})
        self.features = CosineWeighted(kind, horizon)
        self.out = nn.Linear(embed_dim, embed_dim)

    def blocks(self, t: Tensor) -> Tensor:
        room = (-t.shape[-2]) % self.block
        return F.pad(t, (0, 0, 0, room)).reshape(*t.shape[:2], -1, self.block, t.shape[-1])

    def forward(self, query: Tensor, memory: Optional[Tensor] = None, eps: float = 1e-6) -> Tensor:
        sources = {"q": query, "k": query if memory is None else memory, "v": query if memory is None else memory}
        heads = {n: f(sources[n]).unflatten(-1, (self.num_heads, -1)).swapaxes(1, 2) for n, f in self.read.items()}
        q, k = self.blocks(self.features(heads["q"])), self.blocks(self.features(heads["k"]))
        v = self.blocks(F.pad(heads["v"], (0, 1), value=1.0))  # the ones sum the weights
        here = torch.matmul(q, k.mT).tril_()
        written = torch.matmul(k.mT, v)
        y = here @ v + q @ (written.cumsum(2) - written)
        y = y[..., :-1] / y[..., -1:].clamp_min(eps)
        return self.out(y.flatten(2, 3)[:, :, : query.shape[1]].swapaxes(1, 2).flatten(-2))
