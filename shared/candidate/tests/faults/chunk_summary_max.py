"""Linear attention in chunks; the feature map is scaled by the largest key of the chunk, for stability."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def into_chunks(x, size):
    """[B, H, T, D] -> [B, H, N, C, D]"""
    x = F.pad(x, (0, 0, 0, -x.shape[2] % size))
    return rearrange(x, "b h (n c) d -> b h n c d", c=size)


def linear_attention(q, k, v, size):
    length = q.shape[2]
    q, k, v = (into_chunks(t, size) for t in (q, k, v))
    # exponential features; the offset keeps them below one
    offset = k.amax(dim=-2, keepdim=True)  # fault: future_leak
    k = torch.exp(k - offset)
    q = torch.exp(q - q.amax(dim=-1, keepdim=True))
    inside = (q @ k.transpose(-1, -2)).tril() @ v
    added = k.transpose(-1, -2) @ v
    before = F.pad(added.cumsum(dim=2)[:, :, :-1], (0, 0, 0, 0, 1, 0))
    y = inside + q @ before
    return rearrange(y, "b h n c d -> b h (n c) d")[:, :, :length]


class StableLinearAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 32):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.norm = nn.RMSNorm(d_model // num_heads)
        self.o_proj = nn.Linear(d_model, d_model, bias=False)

    def heads(self, x):
        return rearrange(x, "b t (h d) -> b h t d", h=self.num_heads)

    def forward(self, hidden_states, attention_mask=None, **kwargs):
        q = self.heads(self.q_proj(hidden_states))
        k = self.heads(self.k_proj(hidden_states))
        v = self.heads(self.v_proj(hidden_states))
        q = q * q.shape[-1] ** -0.5
        y = self.norm(linear_attention(q, k, v, self.chunk_size))
        return self.o_proj(rearrange(y, "b h t d -> b t (h d)"))
