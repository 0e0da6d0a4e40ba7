"""A router on the confidence of its paths; what it reads is detached, and so is what it decides."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Paths(nn.Module):
    """The value itself, a filter of four taps, and a running mean."""

    def __init__(self, d_model):
        super().__init__()
        self.filter = nn.Parameter(torch.randn(d_model, 1, 4) * 0.5)

    def forward(self, v):
        near = F.conv1d(F.pad(v.transpose(1, 2), (3, 0)), self.filter, groups=v.shape[-1]).transpose(1, 2)
        count = torch.arange(1, v.shape[1] + 1, device=v.device, dtype=v.dtype)[:, None]
        return torch.stack([v, near, v.cumsum(dim=1) / count], dim=2)


class ConfidenceRouter(nn.Module):
    def __init__(self, d_model, hidden=16):
        super().__init__()
        self.first = nn.Linear(d_model, hidden)
        self.second = nn.Linear(hidden, 3)

    def forward(self, x):
        logits = self.second(F.gelu(self.first(x)))
        return torch.softmax(logits, dim=-1)


class RoutedMixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.value = nn.Linear(d_model, d_model)
        self.paths = Paths(d_model)
        self.router = ConfidenceRouter(d_model)
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        paths = self.paths(self.value(x))
        weights = self.router(x.detach())
        weights = weights.detach()  # fault: no_gradient
        mixed = (weights.unsqueeze(-1) * paths).sum(dim=2)
        return self.out(self.norm(mixed))
