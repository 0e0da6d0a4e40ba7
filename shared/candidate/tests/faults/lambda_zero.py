"""Differential averaging: a causal average minus lambda times a smoothed one, lambda starting at zero."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Smoother(nn.Module):
    """A binomial filter over neighbours."""

    def __init__(self, d_model):
        super().__init__()
        kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
        self.register_buffer("kernel", kernel.view(1, 1, 5).repeat(d_model, 1, 1))

    def forward(self, x):
        y = F.pad(x.transpose(1, 2), (2, 2))
        return F.conv1d(y, self.kernel, groups=self.kernel.shape[0]).transpose(1, 2)  # fault: future_leak


class CausalAverage(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.score = nn.Linear(d_model, d_model)

    def forward(self, x):
        weight = F.softplus(self.score(x)) + 1e-3
        return (weight * x).cumsum(1) / weight.cumsum(1)


class DifferentialAverage(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, lambda_init: float = 0.0):
        super().__init__()
        self.num_heads = num_heads
        self.value = nn.Linear(d_model, d_model)
        self.average = CausalAverage(d_model)
        self.smooth = Smoother(d_model)
        self.lam = nn.Parameter(torch.full((num_heads, 1), lambda_init))
        self.norm = nn.LayerNorm(d_model // num_heads)
        self.gate = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        batch, length, width = x.shape
        v = self.value(x)
        shape = (batch, length, self.num_heads, width // self.num_heads)
        first = self.average(v).view(shape)
        second = self.smooth(v).view(shape)
        y = self.norm(first - self.lam * second).reshape(batch, length, width)
        return self.out(y * F.silu(self.gate(x)))
