"""Sparse features: each token keeps its strongest features, by top-k over the features of a head."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def strongest(x, keep):
    """x [.., D]: all but the `keep` largest by size become zero; the choice has no gradient, the values do."""
    best = x.abs().topk(keep, dim=-1)
    mask = torch.zeros_like(x).scatter(-1, best.indices, 1.0)
    return x * mask


class SparseMemory(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, keep: int = 3, chunk_size: int = 16):
        super().__init__()
        self.num_heads, self.keep, self.chunk_size = num_heads, keep, chunk_size
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def fold(self, x):
        x = F.pad(x, (0, 0, 0, -x.shape[1] % self.chunk_size))
        return rearrange(x, "b (n c) (h d) -> b h n c d", c=self.chunk_size, h=self.num_heads)

    def forward(self, x):
        length = x.shape[1]
        q = strongest(self.fold(self.q_proj(x)), self.keep)
        k = strongest(self.fold(self.k_proj(x)), self.keep)
        v = self.fold(self.v_proj(x))
        inside = (q @ k.mT).tril() @ v
        added = k.mT @ v
        before = torch.cat([torch.zeros_like(added[:, :, :1]), added[:, :, :-1].cumsum(2)], dim=2)
        y = (inside + q @ before) / self.chunk_size**0.5
        return self.out(self.norm(rearrange(y, "b h n c d -> b (n c) (h d)")[:, :length]))
