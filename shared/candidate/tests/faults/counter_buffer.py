"""Warm-up of a memory branch, counted in a buffer that travels with the weights."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class WarmBranch(nn.Module):
    def __init__(self, d_model, steps=500):
        super().__init__()
        self.steps = steps
        self.register_buffer("calls", torch.zeros(1))
        self.project = nn.Linear(d_model, d_model)
        self.decay = nn.Parameter(torch.linspace(0.0, 4.0, d_model))

    def share(self):
        self.calls.add_(1.0)  # fault: hidden_state
        return (self.calls / self.steps).clamp(max=1.0)

    def forward(self, x):
        """Leaky sums by doubling, scaled by the warm-up."""
        a = torch.sigmoid(self.decay)
        h, reach = (1 - a) * self.project(x), 1
        while reach < x.shape[1]:
            h = h + a**reach * F.pad(h, (0, 0, reach, 0))[:, : x.shape[1]]
            reach = 2 * reach
        return self.share() * h


class WarmMixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.branch = WarmBranch(d_model)
        self.direct = nn.Linear(d_model, d_model)
        self.gate = nn.Linear(d_model, d_model)
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        y = F.silu(self.gate(x)) * self.direct(x) + self.branch(x)
        return self.out(self.norm(y))
