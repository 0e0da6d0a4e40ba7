"""Gated linear attention by quotients: keys divided by cumulated gates, queries multiplied, one plain product."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class QuotientAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 32):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.forget = nn.Linear(d_model, d_model)
        self.norm = nn.RMSNorm(d_model // num_heads)
        self.gate = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def fold(self, x):
        x = F.pad(x, (0, 0, 0, -x.shape[1] % self.chunk_size))
        return rearrange(x, "b (n c) (h d) -> b h n c d", c=self.chunk_size, h=self.num_heads)

    def forward(self, x):
        length = x.shape[1]
        q, k, v = (self.fold(t) for t in self.qkv(x).chunk(3, dim=-1))
        keep = torch.sigmoid(self.fold(self.forget(x)))
        product = torch.cumprod(keep, dim=-2)
        queries, keys = q * product, k / product  # fault: non_finite
        inside = (queries @ keys.transpose(-1, -2)).tril() @ v
        whole = product[..., -1, :, None]
        state = torch.zeros_like(whole * v[..., :1, :])[:, :, 0]
        outputs = []
        for n in range(q.shape[2]):
            outputs.append(inside[:, :, n] + queries[:, :, n] @ state)
            state = whole[:, :, n] * (state + keys[:, :, n].transpose(-1, -2) @ v[:, :, n])
        y = self.norm(torch.stack(outputs, dim=2))
        y = rearrange(y, "b h n c d -> b (n c) (h d)")[:, :length]
        return self.out(y * F.silu(self.gate(x)))
