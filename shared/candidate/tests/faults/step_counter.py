"""A gate that opens while training goes on: its temperature follows the number of calls."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class AnnealedGate(nn.Module):
    """Sigmoid whose temperature falls from `start` to one over `steps` calls."""

    def __init__(self, d_model, start=4.0, steps=1000):
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)
        self.start, self.steps = start, steps
        self.step = 0

    def temperature(self):
        done = min(self.step / self.steps, 1.0)
        return 1.0 + (self.start - 1.0) * 0.5 * (1 + math.cos(math.pi * done))

    def forward(self, x):
        if self.training:
            self.step += 1  # fault: hidden_state
        return torch.sigmoid(self.linear(x) / self.temperature())


class AnnealedMixer(nn.Module):
    def __init__(self, d_model: int, taps: int = 4):
        super().__init__()
        self.taps = taps
        self.value = nn.Linear(d_model, d_model)
        self.filter = nn.Parameter(torch.randn(d_model, 1, taps) * taps**-0.5)
        self.gate = AnnealedGate(d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        v = self.value(x)
        local = F.conv1d(F.pad(v.transpose(1, 2), (self.taps - 1, 0)), self.filter, groups=v.shape[-1])
        g = self.gate(x)
        y = g * local.transpose(1, 2) + (1 - g) * v
        return self.out(self.norm(y))
