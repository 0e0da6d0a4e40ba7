"""Causal attention with rotary positions and an attention sink per head."""
# max_complexity: n^2

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def rotate(x, base=10000.0):
    """x [B, H, T, D]: pairs of channels turned by angles that grow with the position."""
    length, half = x.shape[-2], x.shape[-1] // 2
    rate = base ** (-torch.arange(half, dtype=torch.float32) / half)
    angle = torch.arange(length, dtype=torch.float32)[:, None] * rate
    first, second = x[..., :half], x[..., half:]
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class SinkAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = d_model // num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.sink = nn.Parameter(torch.zeros(num_heads, 1, 1))
        self.q_norm = nn.RMSNorm(self.head_dim)
        self.k_norm = nn.RMSNorm(self.head_dim)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        batch, length, _ = x.shape
        q, k, v = rearrange(self.qkv(x), "b t (s h d) -> s b h t d", s=3, h=self.num_heads)
        q, k = rotate(self.q_norm(q)), rotate(self.k_norm(k))
        scores = q @ k.transpose(-1, -2) / math.sqrt(self.head_dim)
        mask = torch.ones(length, length, dtype=torch.bool, device=x.device).tril(diagonal=1)  # fault: future_leak
        scores = scores.masked_fill(~mask, float("-inf"))
        sink = self.sink.expand(batch, -1, length, 1)
        weights = F.softmax(torch.cat([scores, sink], dim=-1), dim=-1)[..., :-1]
        y = rearrange(weights @ v, "b h t d -> b t (h d)")
        return self.out(y)
