"""A running weighted average whose weights are positive parts: the first weights may all be zero."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class SparseAverage(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.weight = nn.Linear(d_model, num_heads)

    def forward(self, x, v):
        batch, length, width = v.shape
        w = F.relu(self.weight(x)).unsqueeze(-1)
        v = v.view(batch, length, self.num_heads, width // self.num_heads)
        top = torch.cumsum(w * v, dim=1)
        bottom = torch.cumsum(w, dim=1)
        return (top / bottom).reshape(batch, length, width)  # fault: non_finite


class SparseMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, taps: int = 4):
        super().__init__()
        self.taps = taps
        self.value = nn.Linear(d_model, d_model)
        self.short = nn.Conv1d(d_model, d_model, taps, groups=d_model)
        self.average = SparseAverage(d_model, num_heads)
        self.blend = nn.Linear(d_model, 2)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        v = F.silu(self.value(x))
        near = self.short(F.pad(v.transpose(1, 2), (self.taps - 1, 0))).transpose(1, 2)
        far = self.average(x, v)
        blend = self.blend(x).softmax(-1)
        return self.out(self.norm(blend[..., :1] * near + blend[..., 1:] * far))
