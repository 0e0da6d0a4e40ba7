"""Linear attention with softmax feature maps: queries over features, keys normalised as well."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class EfficientAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 32):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.temperature = nn.Parameter(torch.ones(num_heads, 1, 1))
        self.norm = nn.LayerNorm(d_model)
        self.o_proj = nn.Linear(d_model, d_model)

    def attend(self, q, k, v):
        length, c = q.shape[2], self.chunk_size
        q, k, v = (
            rearrange(F.pad(t, (0, 0, 0, -length % c)), "b h (n c) d -> b h n c d", c=c) for t in (q, k, v)
        )
        intra = torch.tril(q @ k.transpose(-1, -2)) @ v
        states = torch.cumsum(k.transpose(-1, -2) @ v, dim=2)
        states = torch.cat([torch.zeros_like(states[:, :, :1]), states[:, :, :-1]], dim=2)
        return rearrange(intra + q @ states, "b h n c d -> b h (n c) d")[:, :, :length]

    def forward(self, x, mask=None):
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        q, k, v = (rearrange(t, "b t (h d) -> b h t d", h=self.num_heads) for t in (q, k, v))
        q = F.softmax(q * self.temperature, dim=-1)
        k = F.softmax(k, dim=-2)  # fault: future_leak
        y = self.attend(q, k, v)
        y = rearrange(y, "b h t d -> b t (h d)")
        return self.o_proj(self.norm(y))
