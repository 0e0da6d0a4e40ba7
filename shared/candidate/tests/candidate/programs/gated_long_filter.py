"""Gated long convolution whose filter comes from a small network of positions, as a lower triangular Toeplitz band."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Sine(nn.Module):
    def __init__(self, dim, freq=4.0, train_freq=True):
        super().__init__()
        self.freq = nn.Parameter(freq * torch.ones(1, dim)) if train_freq else freq * torch.ones(1, dim)

    def forward(self, x):
        return torch.sin(self.freq * x)


class PositionFilter(nn.Module):
    def __init__(self, d_model, reach, emb_dim=5, order=16):
        super().__init__()
        t = torch.linspace(0, 1, reach)[:, None]
        bands = (emb_dim - 1) // 2
        f = torch.linspace(1e-4, bands - 1, bands)[None]
        w = 2 * math.pi * torch.arange(reach)[:, None] / reach
        self.register_buffer("z", torch.cat([t, torch.cos(f * w), -torch.sin(f * w)], dim=-1))
        self.register_buffer("t", t, persistent=True)
        act = Sine(order)
        self.net = nn.Sequential(nn.Linear(emb_dim, order), act, nn.Linear(order, order), act, nn.Linear(order, d_model, bias=False))
        deltas = torch.linspace(math.log(1e-2) / 1.5, math.log(1e-2) / 0.3, d_model)[None]
        self.deltas = nn.Parameter(deltas, requires_grad=False)
        self.bias = nn.Parameter(torch.randn(d_model))

    def forward(self):
        return self.net(self.z) * (torch.exp(self.t * self.deltas.abs() * -1) + 0.01)


class LongFilterMixer(nn.Module):
    def __init__(self, dim, order: int = 2, reach: int = 24):
        super().__init__()
        self.order, self.reach = order, reach
        self.in_proj = nn.Linear(dim, (order + 1) * dim)
        self.short = nn.Conv1d((order + 1) * dim, (order + 1) * dim, 3, padding=2, groups=(order + 1) * dim)
        self.filter = PositionFilter(dim, reach)
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        length = u.shape[-2]
        *gates, v = self.short(self.in_proj(u).transpose(1, 2))[..., :length].chunk(self.order + 1, dim=1)
        k = self.filter().t().flip(-1).unsqueeze(1)
        for gate in reversed(gates[1:]):
            v = v * gate
            y = F.conv1d(F.pad(v, (self.reach - 1, 0)), k, groups=k.shape[0])
            v = y + v * self.filter.bias[:, None]
        return self.out_proj((v * gates[0]).transpose(1, 2))
