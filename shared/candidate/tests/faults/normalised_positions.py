"""Position features by sines, joined to a gated running average."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class PositionFeatures(nn.Module):
    def __init__(self, d_model, bands=6):
        super().__init__()
        self.register_buffer("bands", 2.0 ** torch.arange(bands))
        self.project = nn.Linear(2 * bands, d_model)

    def forward(self, length, device):
        position = torch.arange(length, device=device).float() / length  # fault: length_dependent
        angle = math.pi * position[:, None] * self.bands
        return self.project(torch.cat([angle.sin(), angle.cos()], dim=-1))


class GatedAverage(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.value = nn.Linear(d_model, d_model)
        self.weight = nn.Linear(d_model, d_model)

    def forward(self, x):
        w = torch.exp(-F.softplus(self.weight(x)))
        return (w * self.value(x)).cumsum(1) / (w.cumsum(1) + 1e-4)


class PositionMixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.position = PositionFeatures(d_model)
        self.average = GatedAverage(d_model)
        self.norm = nn.LayerNorm(d_model)
        self.gate = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        h = x + self.position(x.shape[1], x.device)
        y = self.norm(self.average(h))
        return self.out(y * torch.sigmoid(self.gate(h)))
