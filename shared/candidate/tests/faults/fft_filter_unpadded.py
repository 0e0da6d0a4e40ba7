"""A long implicit filter per channel, applied in the frequency domain and gated by the input."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

HORIZON = 2048


class DecayingFilter(nn.Module):
    """Taps as a small network of the position under an exponential window."""

    def __init__(self, channels, hidden=16):
        super().__init__()
        position = torch.arange(HORIZON).float()[:, None]
        features = [position / HORIZON]
        for band in (1, 2, 4):
            features.append(torch.sin(2 * math.pi * band * position / HORIZON))
            features.append(torch.cos(2 * math.pi * band * position / HORIZON))
        self.register_buffer("features", torch.cat(features, dim=-1))
        self.net = nn.Sequential(nn.Linear(7, hidden), nn.GELU(), nn.Linear(hidden, channels))
        self.log_rate = nn.Parameter(torch.linspace(-3.0, -1.0, channels))

    def forward(self, length):
        steps = torch.arange(length, device=self.log_rate.device)[:, None]
        window = torch.exp(-steps * self.log_rate.exp())
        return self.net(self.features[:length]) * window


class SpectralMixer(nn.Module):
    def __init__(self, d_model, num_heads=4):
        super().__init__()
        self.num_heads = num_heads
        self.into = nn.Linear(d_model, 2 * d_model)
        self.taps = DecayingFilter(d_model)
        self.direct = nn.Parameter(torch.zeros(d_model))
        self.norm = nn.LayerNorm(d_model // num_heads)
        self.out = nn.Linear(d_model, d_model)

    def long_convolution(self, v):
        length = v.shape[1]
        spectrum = torch.fft.rfft(v, n=length, dim=1)
        response = torch.fft.rfft(self.taps(length), n=length, dim=0)
        return torch.fft.irfft(spectrum * response, n=length, dim=1)  # fault: future_leak

    def forward(self, x):
        v, gate = self.into(x).chunk(2, dim=-1)
        y = self.long_convolution(v) + self.direct * v
        y = rearrange(y, "b t (h d) -> b t h d", h=self.num_heads)
        y = self.norm(y).flatten(-2)
        return self.out(y * F.silu(gate))
