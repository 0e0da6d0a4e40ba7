"""cosFormer: linear attention with ReLU features reweighted by the cosine of distance (Qin et al. 2022)."""

import math
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CosformerAttention(nn.Module):
    """Distances are measured against a fixed horizon, so that outputs do not depend on the length of the sequence."""

    def __init__(self, embed_dim: int, num_heads: int = 2, horizon: int = 4096, act_fun: str = "relu", block: int = 16):
        super().__init__()
        self.embed_dim, self.num_heads, self.horizon, self.block = embed_dim, num_heads, horizon, block
        self.head_dim = embed_dim // num_heads
        self.in_proj = nn.ModuleDict({n: nn.Linear(embed_dim, embed_dim) for n in ("q", "k", "v")})
        self.out_proj = nn.Linear(embed_dim, embed_dim)
        self.act = self.get_act_fun(act_fun)

    def get_act_fun(self, act_fun):
        match act_fun:
            case "relu":
                return F.relu
            case "elu" | "1+elu":
                return lambda x: 1 + F.elu(x)
            case _:
                raise ValueError(f"unknown activation {act_fun}")

    def angles(self, length: int, like: Tensor) -> Tensor:
        index = torch.arange(1, length + 1, device=like.device, dtype=like.dtype).reshape(1, 1, -1, 1)
        return (math.pi / 2) * index / self.horizon

    def forward(self, query: Tensor, key: Optional[Tensor] = None, value: Optional[Tensor] = None, eps: float = 1e-6) -> Tensor:
        key = query if key is None else key
        value = query if value is None else value
        b, n, d = query.shape
        split = lambda t: t.reshape(b, -1, self.num_heads, self.head_dim).swapaxes(1, 2)
        q, k, v = split(self.in_proj["q"](query)), split(self.in_proj["k"](key)), split(self.in_proj["v"](value))
        q, k = self.act(q), self.act(k)
        angle = self.angles(n, q)
        q_ = torch.cat([q * torch.sin(angle), q * torch.cos(angle)], dim=-1)
        k_ = torch.cat([k * torch.sin(angle), k * torch.cos(angle)], dim=-1)
        pad = (-n) % self.block
        blocks = [F.pad(t, (0, 0, 0, pad)).reshape(*t.shape[:2], -1, self.block, t.shape[-1]) for t in (q_, k_, v)]
        qb, kb, vb = blocks
        kv = torch.matmul(kb.mT, vb)
        before = kv.cumsum(2) - kv
        local = (qb @ kb.mT).tril_()
        z = (local.sum(-1, keepdim=True) + qb @ (kb.sum(-2).cumsum(2) - kb.sum(-2)).unsqueeze(-1)).clamp_min(eps)
        out = (local @ vb + qb @ before) / z
        out = out.reshape(b, self.num_heads, -1, self.head_dim)[:, :, :n]
        return self.out_proj(out.swapaxes(1, 2).flatten(-2))
