"""Each chunk is modulated by a pooled summary of the chunk before it; softmax pooling runs over whole chunks."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class LastChunk(nn.Module):
    def __init__(self, d_model: int, chunk_size: int = 16, taps: int = 4):
        super().__init__()
        self.chunk_size, self.taps = chunk_size, taps
        self.score = nn.Linear(d_model, 1)
        self.value = nn.Linear(d_model, d_model)
        self.modulate = nn.Linear(d_model, 2 * d_model)
        self.filter = nn.Parameter(torch.randn(d_model, 1, taps) * taps**-0.5)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)
        nn.init.zeros_(self.modulate.bias)

    def summaries(self, x):
        """[B, N, D] of chunks 0 .. N - 1, moved on by one: zero for the first."""
        pad = (self.chunk_size - x.shape[1] % self.chunk_size) % self.chunk_size
        chunks = F.pad(x, (0, 0, 0, pad)).unflatten(1, (-1, self.chunk_size))
        weights = self.score(chunks).softmax(dim=2)
        pooled = (weights * self.value(chunks)).sum(dim=2)
        return F.pad(pooled, (0, 0, 1, 0))[:, :-1]

    def forward(self, x):
        length = x.shape[1]
        summary = self.summaries(x).repeat_interleave(self.chunk_size, dim=1)[:, :length]
        scale, shift = self.modulate(summary).chunk(2, dim=-1)
        local = F.conv1d(F.pad(x.transpose(1, 2), (self.taps - 1, 0)), self.filter, groups=x.shape[-1])
        y = self.norm(local.transpose(1, 2)) * (1 + scale) + shift
        return self.out(F.gelu(y))
