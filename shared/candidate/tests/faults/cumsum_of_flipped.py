"""Positional counts: how much mass lies behind a token, as a slow feature beside a gated running average."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def mass_behind(weight: torch.Tensor) -> torch.Tensor:
    """weight [B, T, H]: the share of the mass that a step has behind it."""
    reverse = torch.flip(weight, dims=[1])  # fault: future_leak
    behind = torch.cumsum(reverse, dim=1)
    return torch.flip(behind, dims=[1])


class MassFeatures(nn.Module):
    def __init__(self, d_model: int, num_heads: int):
        super().__init__()
        self.score = nn.Linear(d_model, num_heads)
        self.embed = nn.Linear(num_heads, d_model, bias=False)
        nn.init.zeros_(self.embed.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = torch.sigmoid(self.score(x))
        return self.embed(torch.log1p(mass_behind(weight)))


class GatedAverage(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.features = MassFeatures(d_model, num_heads)
        self.weight = nn.Linear(d_model, num_heads)
        self.value = nn.Linear(d_model, d_model)
        self.gate = nn.Linear(d_model, d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        x = x + self.features(x)
        w = F.softplus(self.weight(x)).unsqueeze(-1)
        v = self.value(x).view(batch, length, self.num_heads, -1)
        average = (w * v).cumsum(1) / (w.cumsum(1) + 1e-6)
        y = self.norm(average.reshape(batch, length, width))
        return self.out(y * F.silu(self.gate(x)))
