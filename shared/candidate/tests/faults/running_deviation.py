"""Causal standardisation: every step is scaled by the deviation of all steps so far, from running moments."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class RunningMoments(nn.Module):
    """Mean and deviation over the steps up to now, per channel."""

    def forward(self, x):
        count = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)[None, :, None]
        mean = x.cumsum(dim=1) / count
        square = x.square().cumsum(dim=1) / count
        variance = square - mean.square()
        return mean, torch.sqrt(variance)  # fault: non_finite


class CausalStandardise(nn.Module):
    def __init__(self, d_model, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.moments = RunningMoments()
        self.gain = nn.Parameter(torch.ones(d_model))
        self.shift = nn.Parameter(torch.zeros(d_model))

    def forward(self, x):
        mean, deviation = self.moments(x)
        return self.gain * (x - mean) / (deviation + self.eps) + self.shift


class MomentMixer(nn.Module):
    def __init__(self, d_model: int, taps: int = 6):
        super().__init__()
        self.taps = taps
        self.value = nn.Linear(d_model, d_model)
        self.standardise = CausalStandardise(d_model)
        self.filter = nn.Parameter(torch.randn(d_model, 1, taps) * taps**-0.5)
        self.gate = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        v = self.standardise(torch.tanh(self.value(x)))
        v = F.pad(v.transpose(1, 2), (self.taps - 1, 0))
        y = F.conv1d(v, self.filter, groups=self.filter.shape[0]).transpose(1, 2)
        return self.out(y * F.silu(self.gate(x)))
