"""A recurrence over chunks that writes its results into a tensor made beforehand."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class ChunkWriter(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 16):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.head_dim = d_model // num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.decay = nn.Linear(d_model, num_heads)
        self.norm = nn.RMSNorm(self.head_dim)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        batch, length, _ = x.shape
        q, k, v = rearrange(self.qkv(x), "b t (s h d) -> s b h t d", s=3, h=self.num_heads)
        q = q * self.head_dim**-0.5
        log_decay = F.logsigmoid(self.decay(x) + 3.0).transpose(1, 2)
        output = torch.empty_like(v)
        state = v.new_zeros(batch, self.num_heads, self.head_dim, self.head_dim)
        for start in range(0, length, self.chunk_size):
            stop = min(start + self.chunk_size, length)
            qc, kc, vc = q[:, :, start:stop], k[:, :, start:stop], v[:, :, start:stop]
            g = log_decay[:, :, start:stop].cumsum(dim=-1)
            ratio = g.unsqueeze(-1) - g.unsqueeze(-2)
            lower = torch.ones_like(ratio, dtype=torch.bool).tril()
            weight = torch.exp(ratio.masked_fill(~lower, float("-inf")))
            output[:, :, start:stop] = (qc @ kc.mT * weight) @ vc
            output[:, :, start:stop] += (qc * g.exp().unsqueeze(-1)) @ state
            late = kc * (g[..., -1:] - g).exp().unsqueeze(-1)
            state = g[..., -1, None, None].exp() * state + late.mT @ vc
        return self.out(rearrange(self.norm(output), "b h t d -> b t (h d)"))
