"""Mixes four neighbours: a causal depthwise convolution between two projections. What short memory yields."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Mixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        taps = 4
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.mix = nn.Conv1d(d_model, d_model, taps, groups=d_model, padding=taps - 1)
        self.gate = nn.Linear(d_model, d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        mixed = self.mix(self.value(x).transpose(1, 2))[:, :, : x.shape[1]].transpose(1, 2)
        return self.out(F.silu(mixed) * self.gate(x))
