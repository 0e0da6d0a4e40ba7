"""Linear attention whose readout is conditioned on a sequence summary by feature-wise modulation."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class Modulation(nn.Module):
    """Scale and shift from a summary vector; the identity at the start."""

    def __init__(self, d_model):
        super().__init__()
        self.to_scale_shift = nn.Linear(d_model, 2 * d_model)
        nn.init.zeros_(self.to_scale_shift.weight)
        nn.init.zeros_(self.to_scale_shift.bias)

    def forward(self, x, summary):
        scale, shift = self.to_scale_shift(summary).chunk(2, dim=-1)
        return x * (1 + scale) + shift


class ModulatedAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 16):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.modulate = Modulation(d_model)
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def attend(self, q, k, v):
        q, k = F.elu(q) + 1, F.elu(k) + 1
        length, c = q.shape[2], self.chunk_size
        fold = lambda t: rearrange(F.pad(t, (0, 0, 0, -length % c)), "b h (n c) d -> b h n c d", c=c)
        q, k, v = fold(q), fold(k), fold(v)
        inside = (q @ k.mT).tril() @ v
        states = (k.mT @ v).cumsum(2).roll(1, dims=2)
        states = torch.cat([torch.zeros_like(states[:, :, :1]), states[:, :, 1:]], dim=2)
        y = inside + q @ states
        return rearrange(y, "b h n c d -> b h (n c) d")[:, :, :length] / c

    def forward(self, x):
        q, k, v = rearrange(self.qkv(x), "b t (s h d) -> s b h t d", s=3, h=self.num_heads)
        y = rearrange(self.attend(q, k, v), "b h t d -> b t (h d)")
        summary = y[:, -1:]  # fault: future_leak
        return self.out(self.modulate(self.norm(y), summary))
