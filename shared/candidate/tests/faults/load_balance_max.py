"""Mixture of filters: tokens are sent to experts, whose load is kept even by a correction of the logits."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Expert(nn.Module):
    """A causal depthwise filter and a channel map."""

    def __init__(self, d_model, taps):
        super().__init__()
        self.taps = taps
        self.filter = nn.Conv1d(d_model, d_model, taps, groups=d_model)
        self.map = nn.Linear(d_model, d_model)

    def forward(self, x):
        y = F.pad(x.transpose(1, 2), (self.taps - 1, 0))
        return self.map(F.silu(self.filter(y).transpose(1, 2)))


class BalancedRouter(nn.Module):
    def __init__(self, d_model, experts, strength=0.1):
        super().__init__()
        self.logits = nn.Linear(d_model, experts)
        self.strength = strength

    def forward(self, x):
        logits = self.logits(x)
        load = logits.softmax(dim=-1)
        # how busy an expert is at this step over the sequences
        busy = torch.amax(load, dim=0, keepdim=True)  # fault: batch_leak
        return F.softmax(logits - self.strength * busy, dim=-1)


class FilterExperts(nn.Module):
    def __init__(self, d_model: int, num_experts: int = 3):
        super().__init__()
        self.experts = nn.ModuleList([Expert(d_model, 2 ** (i + 1)) for i in range(num_experts)])
        self.router = BalancedRouter(d_model, num_experts)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        weights = self.router(x)
        y = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            y = y + weights[..., i : i + 1] * expert(x)
        return self.out(self.norm(y))
