"""A long learned filter per head as a Toeplitz matrix over the sequence."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class RelativeTaps(nn.Module):
    """One tap per distance from a network of the distance, with decay."""

    def __init__(self, num_heads, hidden=16):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, hidden), nn.SiLU(), nn.Linear(hidden, num_heads))
        self.log_rate = nn.Parameter(torch.linspace(-4.0, -1.0, num_heads))

    def forward(self, length, device):
        distance = torch.arange(length, device=device).float()[:, None]
        taps = self.net(torch.log1p(distance))
        return (taps * torch.exp(-distance * self.log_rate.exp())).t()


class ToeplitzMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.value = nn.Linear(d_model, d_model)
        self.gate = nn.Linear(d_model, d_model)
        self.taps = RelativeTaps(num_heads)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def matrix(self, length, device):
        """[H, T, T]: tap i - j where that is not negative."""
        taps = self.taps(length, device)
        step = torch.arange(length, device=device)
        distance = step[:, None] - step[None, :]
        return taps[:, distance.clamp(min=0)] * (distance >= 0)

    def forward(self, x):
        v = rearrange(self.value(x), "b t (h d) -> b h t d", h=self.num_heads)
        y = self.matrix(x.shape[1], x.device) @ v  # fault: complexity
        y = self.norm(rearrange(y, "b h t d -> b t (h d)"))
        return self.out(y * F.silu(self.gate(x)))
