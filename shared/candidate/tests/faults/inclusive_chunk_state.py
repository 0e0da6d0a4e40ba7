"""Linear attention with a state per chunk from a running sum over the chunks."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class FeatureMap(nn.Module):
    """Hedgehog-like features: a learned map and its negative, through a softmax over features."""

    def __init__(self, head_dim):
        super().__init__()
        self.map = nn.Linear(head_dim, head_dim, bias=False)

    def forward(self, x):
        x = self.map(x)
        return torch.cat([x, -x], dim=-1).softmax(dim=-1)


class ChunkStateAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 32):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.q_map = FeatureMap(d_model // num_heads)
        self.k_map = FeatureMap(d_model // num_heads)
        self.norm = nn.LayerNorm(d_model // num_heads)
        self.o_proj = nn.Linear(d_model, d_model, bias=False)

    def heads(self, x):
        x = F.pad(x, (0, 0, 0, -x.shape[1] % self.chunk_size))
        return rearrange(x, "b (n c) (h d) -> b h n c d", c=self.chunk_size, h=self.num_heads)

    def forward(self, x):
        length = x.shape[1]
        q, k, v = self.heads(self.q_proj(x)), self.heads(self.k_proj(x)), self.heads(self.v_proj(x))
        q, k = self.q_map(q), self.k_map(k)
        state = torch.cumsum(k.transpose(-1, -2) @ v, dim=2)  # fault: future_leak
        inside = torch.tril(q @ k.transpose(-1, -2)) @ v
        y = self.norm(inside + q @ state)
        return self.o_proj(rearrange(y, "b h n c d -> b (n c) (h d)")[:, :length])
