"""A router with an entropy feature: how undecided the router is decides how much of the local path is used."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class EntropyGate(nn.Module):
    def __init__(self, d_model, options=4):
        super().__init__()
        self.logits = nn.Linear(d_model, options)
        self.scale = nn.Parameter(torch.ones(1))
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        p = F.relu(self.logits(x))
        p = p / (p.sum(dim=-1, keepdim=True) + 1e-6)
        entropy = -(p * torch.log(p)).sum(dim=-1, keepdim=True)  # fault: non_finite
        return torch.sigmoid(self.scale * entropy + self.shift)


class EntropyMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, taps: int = 4):
        super().__init__()
        self.num_heads, self.taps = num_heads, taps
        self.value = nn.Linear(d_model, d_model)
        self.weight = nn.Parameter(torch.randn(num_heads, taps) * taps**-0.5)
        self.gate = EntropyGate(d_model)
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def local(self, v):
        h = rearrange(v, "b t (h d) -> b h t d", h=self.num_heads)
        y = 0.0
        for i in range(self.taps):
            y = y + self.weight[:, i, None, None] * F.pad(h, (0, 0, i, 0))[:, :, : h.shape[2]]
        return rearrange(y, "b h t d -> b t (h d)")

    def forward(self, x):
        v = self.value(x)
        g = self.gate(x)
        count = torch.arange(1, x.shape[1] + 1, device=x.device).view(1, -1, 1)
        y = g * self.local(v) + (1 - g) * v.cumsum(1) / count
        return self.out(self.norm(y))
