"""Branches of several horizons; a gate reads their statistics, of which it trains no part, and mixes them."""

from __future__ import annotations

from typing import Dict, List, Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange, reduce, repeat


def branch_statistics(x: torch.Tensor) -> torch.Tensor:
    """[b, l, h, d] -> [b, l, h, 4]: mean, spread, mean size, length."""
    mean = x.mean(dim=-1, keepdim=True)
    std = torch.sqrt(x.var(dim=-1, unbiased=False, keepdim=True) + 1e-6)
    size = x.abs().mean(dim=-1, keepdim=True)
    length = x.pow(2).sum(dim=-1, keepdim=True).clamp_min(1e-12).sqrt()
    return torch.cat([mean, std, size, length], dim=-1)


class Average(nn.Module):
    """Mean over the last `window` steps, by a running sum."""

    def __init__(self, window: int):
        super().__init__()
        self.window = window

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = F.pad(x.cumsum(dim=1), (0, 0, 0, 0, self.window, 0))
        count = torch.arange(1, x.shape[1] + 1, device=x.device).clamp(max=self.window)
        return (total[:, self.window :] - total[:, : -self.window]) / count[None, :, None, None]


class StatisticsMixer(nn.Module):
    WINDOWS = (2, 5, 11)

    def __init__(self, d_model: int, num_heads: int = 4, dropout: float = 0.1, temp_init: float = 1.0, eps_floor: float = 0.01):
        super().__init__()
        self.h, self.d = num_heads, d_model // num_heads
        self.eps_floor = eps_floor
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.branches = nn.ModuleDict({f"avg_{w}": Average(w) for w in self.WINDOWS})
        n = len(self.WINDOWS) + 1
        self.gate_in = nn.Linear(4 * n + self.d, 16)
        self.gate = nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(16, n))
        nn.init.normal_(self.gate[2].weight, std=0.02)
        nn.init.zeros_(self.gate[2].bias)
        self.log_tau = nn.Parameter(torch.full((num_heads, 1), float(temp_init)).log())
        self.scale = nn.ParameterDict({"residual": nn.Parameter(0.1 * torch.ones(num_heads))})
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    @property
    def temperature(self) -> torch.Tensor:
        return self.log_tau.exp().clamp(min=0.1, max=10.0)

    @staticmethod
    def entropy(p: torch.Tensor) -> torch.Tensor:
        return -(p * p.clamp_min(1e-9).log()).sum(-1)

    def forward(self, x: torch.Tensor, return_aux: bool = False, **kwargs):
        v = rearrange(self.value(x), "b l (h d) -> b l h d", h=self.h)
        outs: List[torch.Tensor] = [v] + [branch(v) for _, branch in self.branches.items()]
        stats = torch.cat([branch_statistics(o) for o in outs], dim=-1).detach()
        logits = self.gate(self.gate_in(torch.cat([stats, v], dim=-1)))
        p = F.softmax(logits / self.temperature, dim=-1)
        p = (1 - self.eps_floor * p.shape[-1]) * p + self.eps_floor
        mixed = torch.einsum("blhn,nblhd->blhd", p, torch.stack(outs))
        mixed = mixed + self.scale["residual"].view(1, 1, -1, 1) * v
        aux: Optional[Dict[str, torch.Tensor]] = None
        if self.training:
            load = reduce(p, "b l h n -> h n", "mean")
            aux = {"entropy": self.entropy(p).mean(), "balance": (load * load.log()).sum()}
        y = self.out(self.norm(rearrange(mixed, "b l h d -> b l (h d)")))
        return (y, aux, None)
