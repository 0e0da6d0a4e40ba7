"""A two-scale mixer: a coarse sequence of pooled steps is mixed causally and brought back to the fine one."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class CoarseMixer(nn.Module):
    """Causal on the coarse grid: every coarse step sees itself and earlier ones."""

    def __init__(self, d_model, taps=4):
        super().__init__()
        self.taps = taps
        self.conv = nn.Conv1d(d_model, d_model, taps, groups=d_model)
        self.mix = nn.Linear(d_model, d_model)

    def forward(self, x):
        y = self.conv(F.pad(x, (self.taps - 1, 0)))
        return F.gelu(self.mix(y.transpose(1, 2))).transpose(1, 2)


class TwoScales(nn.Module):
    def __init__(self, d_model: int, stride: int = 4, num_heads: int = 4):
        super().__init__()
        self.stride, self.num_heads = stride, num_heads
        self.fine = nn.Linear(d_model, d_model)
        self.coarse = CoarseMixer(d_model)
        self.blend = nn.Linear(2 * d_model, d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        length = x.shape[1]
        h = self.fine(x).transpose(1, 2)
        filled = F.pad(h, (0, -length % self.stride))
        pooled = F.avg_pool1d(filled, self.stride)  # fault: future_leak
        coarse = self.coarse(pooled)
        back = coarse.repeat_interleave(self.stride, dim=-1)[..., :length]
        both = torch.cat([h, back], dim=1).transpose(1, 2)
        y = self.norm(F.silu(self.blend(both)))
        return self.out(y)
