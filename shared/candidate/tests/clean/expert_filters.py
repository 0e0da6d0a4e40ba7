"""Tokens are sent to the best two of four filter experts, with a straight-through weight."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Expert(nn.Module):
    def __init__(self, d_model, taps):
        super().__init__()
        self.taps = taps
        self.filter = nn.Parameter(torch.randn(d_model, 1, taps) * taps**-0.5)
        self.map = nn.Linear(d_model, d_model)

    def forward(self, x):
        y = F.conv1d(F.pad(x.mT, (self.taps - 1, 0)), self.filter, groups=x.shape[-1])
        return self.map(F.gelu(y.mT))


class TopTwo(nn.Module):
    def __init__(self, d_model, experts):
        super().__init__()
        self.logits = nn.Linear(d_model, experts)

    def forward(self, x):
        p = self.logits(x).softmax(dim=-1)
        values, indices = torch.topk(p, 2, dim=-1)
        hard = torch.zeros_like(p).scatter_(-1, indices, values / values.sum(-1, keepdim=True))
        return hard.detach() - p.detach() + p


class ExpertFilters(nn.Module):
    def __init__(self, d_model: int, sizes=(1, 2, 4, 8)):
        super().__init__()
        self.experts = nn.ModuleList(Expert(d_model, n) for n in sizes)
        self.router = TopTwo(d_model, len(sizes))
        self.gate = nn.Linear(d_model, d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        weights = self.router(x)
        load = weights.mean(dim=(0, 1))
        self.balance = (load * load).sum()
        y = sum(weights[..., i, None] * expert(x) for i, expert in enumerate(self.experts))
        return self.out(self.norm(y) * F.silu(self.gate(x)))
