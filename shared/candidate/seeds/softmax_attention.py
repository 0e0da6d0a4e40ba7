"""Sequence mixer of 4 heads: causal softmax attention.

- queries, keys, values: one projection
- causal softmax attention (Vaswani et al. 2017, arXiv:1706.03762)
"""

import torch
import torch.nn as nn
from einops import rearrange


def attention(q, k, v):
    """Each position reads itself and the ones before it; q, k, v: [B, H, T, D]."""
    later = torch.ones(q.shape[2], q.shape[2], device=q.device, dtype=torch.bool).triu(1)
    scores = (q @ k.transpose(-1, -2)).masked_fill(later, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


class Mixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        num_heads = 4
        self.num_heads = num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def heads(self, x):
        return rearrange(x, "b t (h d) -> b h t d", h=self.num_heads)

    def forward(self, x):
        qkv = self.qkv(x)
        q, k, v = qkv.chunk(3, dim=-1)
        q, k, v = self.heads(q), self.heads(k), self.heads(v)
        q = q * q.shape[-1] ** -0.5
        mixed = attention(q, k, v)
        mixed = rearrange(mixed, "b h t d -> b t (h d)")
        return self.out(mixed)
