"""A short filter and a long average; the weight of the long branch was set to zero for an ablation."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class ShortFilter(nn.Module):
    def __init__(self, d_model, taps=5):
        super().__init__()
        self.taps = taps
        self.conv = nn.Conv1d(d_model, d_model, taps, groups=d_model)

    def forward(self, x):
        return self.conv(F.pad(x.transpose(1, 2), (self.taps - 1, 0))).transpose(1, 2)


class LongAverage(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.score = nn.Linear(d_model, d_model)
        self.mix = nn.Linear(d_model, d_model)

    def forward(self, x):
        w = torch.sigmoid(self.score(x)) + 1e-3
        return self.mix((w * x).cumsum(1) / w.cumsum(1))


class AblatedMixer(nn.Module):
    LONG_WEIGHT = 0.0

    def __init__(self, d_model: int):
        super().__init__()
        self.value = nn.Linear(d_model, d_model)
        self.short = ShortFilter(d_model)
        self.long = LongAverage(d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        v = F.silu(self.value(x))
        short, long = self.short(v), self.long(v)
        y = short + self.LONG_WEIGHT * long  # fault: no_gradient|dead_parameter
        return self.out(self.norm(y))
