"""Exact attention within blocks of fixed size and the block before, beside a linear state for what is older."""

from functools import partial
from typing import Callable, NamedTuple, Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import einsum, rearrange

NEG = torch.finfo(torch.float32).min


def look_back(x: torch.Tensor, pad_value: float = 0.0) -> torch.Tensor:
    """[b, h, n, c, d] -> [b, h, n, 2c, d]: the block before and the block."""
    before = F.pad(x, (0, 0, 0, 0, 1, 0), value=pad_value)[:, :, :-1]
    return torch.cat((before, x), dim=-2)


class BlockMixer(nn.Module):
    def __init__(self, dim: int, heads: int = 4, window: int = 8, qk_norm: bool = True, act: Callable = partial(F.elu, alpha=1.0)):
        super().__init__()
        self.heads, self.window, self.act = heads, window, act
        dim_head = dim // heads
        self.to_qkv = nn.Linear(dim, dim * 3, bias=False)
        self.q_norm = nn.RMSNorm(dim_head) if qk_norm else nn.Identity()
        self.k_norm = nn.RMSNorm(dim_head) if qk_norm else nn.Identity()
        self.bias = nn.Embedding(2 * window, heads)
        self.balance = nn.Parameter(torch.zeros(heads, 1, 1))
        self.to_out = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(0.0))

    def forward(self, x: torch.Tensor, mask: Optional[torch.Tensor] = None) -> torch.Tensor:
        (b, t, _), h, w = x.shape, self.heads, self.window
        q, k, v = self.to_qkv(F.pad(x, (0, 0, 0, -t % w))).chunk(3, dim=-1)
        q, k, v = map(lambda y: rearrange(y, "b (n c) (h d) -> b h n c d", h=h, c=w), (q, k, v))
        q, k = self.q_norm(q), self.k_norm(k)
        near_k, near_v = look_back(k), look_back(v)
        sim = einsum(q, near_k, "b h n i d, b h n j d -> b h n i j") * q.shape[-1] ** -0.5
        i, j = torch.arange(w) + w, torch.arange(2 * w)
        gap = i[:, None] - j[None, :]
        sim = sim + rearrange(self.bias(gap.clamp(0, 2 * w - 1)), "i j h -> h 1 i j")
        blocked = (gap < 0) | (gap > w)
        first = torch.arange(sim.shape[2])[:, None, None] == 0
        blocked = blocked | (first & (j < w)[None, None, :])
        sim = sim.masked_fill(blocked, NEG)
        near = sim.softmax(dim=-1) @ near_v
        k_f, q_f = self.act(k) + 1, self.act(q) + 1
        states = einsum(k_f, v, "b h n c d, b h n c e -> b h n d e").cumsum(2)
        norms = k_f.sum(-2).cumsum(2)
        states = F.pad(states, (0, 0, 0, 0, 2, 0))[:, :, : sim.shape[2]]
        norms = F.pad(norms, (0, 0, 2, 0))[:, :, : sim.shape[2]]
        far = q_f @ states / ((q_f @ norms.unsqueeze(-1)) + 1e-5)
        share = self.balance.sigmoid()[..., None]
        out = near * share + far * (1 - share)
        return self.to_out(rearrange(out, "b h n c d -> b (n c) (h d)")[:, :t])
