"""Signals are compared with their past: where and sign make pieces, sorting runs over the heads of a step."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class PiecewisePaths(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.value = nn.Linear(d_model, d_model)
        self.up = nn.Linear(d_model, d_model)
        self.down = nn.Linear(d_model, d_model)
        self.order = nn.Parameter(torch.linspace(1.0, 0.2, num_heads))
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        v = self.value(x)
        before = F.pad(v, (0, 0, 1, 0))[:, :-1]
        rising = v > before
        y = v * torch.where(rising, self.up(x), self.down(x)).sigmoid()
        # the loudest heads first, weighed by rank, and put back
        heads = rearrange(y, "b t (h d) -> b t h d", h=self.num_heads)
        loudness = heads.pow(2).mean(-1)
        rank = loudness.argsort(dim=-1, descending=True).argsort(dim=-1)
        heads = heads * self.order[rank].unsqueeze(-1)
        level = loudness.clamp(min=1e-6).log()
        peak = torch.cummax(level, dim=1).values
        heads = heads * torch.sigmoid(level - peak).unsqueeze(-1)
        count = torch.arange(1, x.shape[1] + 1, device=x.device).view(-1, 1, 1)
        return self.out(rearrange(heads.cumsum(1) / count.sqrt(), "b t h d -> b t (h d)"))
