"""Contrast of past and rest: each step compares its running mean with what is not yet accounted for."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class Contrast(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.features = nn.Linear(d_model, d_model, bias=False)
        self.temperature = nn.Parameter(torch.zeros(num_heads, 1))
        self.mix = nn.Parameter(0.1 * torch.randn(num_heads, 2))

    def forward(self, x):
        f = rearrange(torch.tanh(self.features(x)), "b t (h d) -> b t h d", h=self.num_heads)
        past = torch.cumsum(f, dim=1)
        rest = f.sum(dim=1, keepdim=True) - past  # fault: future_leak
        scale = torch.exp(-self.temperature)
        a, b = self.mix[:, :1], self.mix[:, 1:]
        mixed = a * torch.tanh(scale * past) + b * torch.tanh(scale * rest)
        return rearrange(mixed, "b t h d -> b t (h d)")


class ContrastMixer(nn.Module):
    """The contrast beside a short filter; a gate per channel decides."""

    def __init__(self, d_model: int, num_heads: int = 4, taps: int = 4):
        super().__init__()
        self.taps = taps
        self.contrast = Contrast(d_model, num_heads)
        self.short = nn.Conv1d(d_model, d_model, taps, groups=d_model, padding=taps - 1)
        self.gate = nn.Linear(d_model, d_model)
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        length = x.shape[1]
        local = self.short(x.transpose(1, 2))[..., :length].transpose(1, 2)
        g = torch.sigmoid(self.gate(x))
        y = g * self.contrast(x) + (1 - g) * F.silu(local)
        return self.out(self.norm(y))
