"""A bank of depthwise filters of several widths, weighed by a router per token."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class FirBranch(nn.Module):
    def __init__(self, channels: int, taps: int, dilation: int = 1):
        super().__init__()
        self.channels, self.reach, self.dilation = channels, (taps - 1) * dilation, dilation
        start = torch.zeros(channels, 1, taps)
        start[..., -1] = 1.0
        self.weight = nn.Parameter(start + 0.02 * torch.randn(channels, 1, taps))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.pad(x.transpose(1, 2), (0, self.reach))
        y = F.conv1d(x, self.weight, dilation=self.dilation, groups=self.channels)  # fault: future_leak
        return y.transpose(1, 2)


class FilterBank(nn.Module):
    """Widths 3, 7 and 3 with holes of 4; a softmax over the branches with a learned temperature."""

    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.branches = nn.ModuleList([FirBranch(d_model, 3), FirBranch(d_model, 7), FirBranch(d_model, 3, 4)])
        self.router = nn.Sequential(nn.Linear(d_model, 16), nn.GELU(), nn.Linear(16, 3 * num_heads))
        self.log_tau = nn.Parameter(torch.zeros(num_heads, 1))
        self.norm = nn.RMSNorm(d_model // num_heads)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v = F.silu(self.value(x))
        paths = torch.stack([branch(v) for branch in self.branches], dim=-1)
        paths = rearrange(paths, "b t (h d) p -> b t h d p", h=self.num_heads)
        logits = rearrange(self.router(x), "b t (h p) -> b t h p", p=3)
        weights = F.softmax(logits / self.log_tau.exp(), dim=-1)
        y = torch.einsum("bthdp,bthp->bthd", paths, weights)
        return self.out(self.norm(y).flatten(-2))
