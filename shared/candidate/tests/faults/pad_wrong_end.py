"""Chunked linear attention; sequences are filled up to whole chunks."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class ChunkedAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 32):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.q = nn.Linear(d_model, d_model, bias=False)
        self.k = nn.Linear(d_model, d_model, bias=False)
        self.v = nn.Linear(d_model, d_model, bias=False)
        self.gate = nn.Linear(d_model, d_model)
        self.norm = nn.RMSNorm(d_model // num_heads)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def fold(self, x):
        missing = -x.shape[1] % self.chunk_size
        x = F.pad(x, (0, 0, 0, missing))
        return rearrange(x, "b (n c) (h d) -> b h n c d", c=self.chunk_size, h=self.num_heads)

    def unfold(self, y, length):
        y = rearrange(y, "b h n c d -> b (n c) (h d)")
        # cut the filling away again
        return y[:, -length:]  # fault: future_leak

    def forward(self, x):
        length = x.shape[1]
        q, k, v = self.fold(F.relu(self.q(x))), self.fold(F.relu(self.k(x))), self.fold(self.v(x))
        scores = (q @ k.transpose(-1, -2)).tril()
        added = k.transpose(-1, -2) @ v
        carried = torch.cumsum(added, dim=2) - added
        y = self.norm(scores @ v + q @ carried)
        return self.out(self.unfold(y, length) * F.silu(self.gate(x)))
