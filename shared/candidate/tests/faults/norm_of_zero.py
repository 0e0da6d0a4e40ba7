"""Keys of unit length by division through their norm; sequences may hold empty steps."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)  # fault: non_finite


class CosineMemory(nn.Module):
    """Linear attention with unit queries and keys, in chunks."""

    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 16):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.strength = nn.Parameter(torch.zeros(num_heads, 1, 1, 1))
        self.norm = nn.LayerNorm(d_model)
        self.o_proj = nn.Linear(d_model, d_model, bias=False)

    def fold(self, x):
        return rearrange(x, "b (n c) (h d) -> b h n c d", c=self.chunk_size, h=self.num_heads)

    def forward(self, x):
        length = x.shape[1]
        x = F.pad(x, (0, 0, 0, -length % self.chunk_size))
        q, k, v = self.fold(self.q_proj(x)), self.fold(self.k_proj(x)), self.fold(self.v_proj(x))
        q, k = unit(F.relu(q)), unit(F.relu(k))
        inside = (q @ k.mT).tril() @ v
        added = k.mT @ v
        before = added.cumsum(dim=2) - added
        y = torch.exp(self.strength) * (inside + q @ before)
        y = rearrange(y, "b h n c d -> b (n c) (h d)")[:, :length]
        return self.o_proj(self.norm(y))
