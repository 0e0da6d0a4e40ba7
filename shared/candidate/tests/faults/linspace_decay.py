"""Exponential windows of many lengths, applied as a long filter by padded transforms."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class WindowedFilter(nn.Module):
    """Taps [D, T]: a sum of sines under a window that falls from one to zero."""

    def __init__(self, d_model, waves=4):
        super().__init__()
        self.amplitude = nn.Parameter(torch.randn(d_model, waves) * waves**-0.5)
        self.frequency = nn.Parameter(torch.rand(d_model, waves) * 8.0)
        self.sharpness = nn.Parameter(torch.linspace(0.0, 2.0, d_model))

    def forward(self, length, device):
        place = torch.linspace(0.0, 1.0, length, device=device)  # fault: length_dependent
        wave = torch.cos(self.frequency[..., None] * place)
        window = torch.exp(-F.softplus(self.sharpness)[:, None] * 5.0 * place)
        return (self.amplitude[..., None] * wave).sum(dim=1) * window


def causal_convolution(x, taps):
    """x [B, D, T], taps [D, T]."""
    length = x.shape[-1]
    size = 2 * length
    product = torch.fft.rfft(x, n=size) * torch.fft.rfft(taps, n=size)
    return torch.fft.irfft(product, n=size)[..., :length]


class WaveMixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.enter = nn.Linear(d_model, 2 * d_model)
        self.taps = WindowedFilter(d_model)
        self.direct = nn.Parameter(torch.ones(d_model))
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        v, gate = self.enter(x).chunk(2, dim=-1)
        y = causal_convolution(v.transpose(1, 2), self.taps(x.shape[1], x.device)).transpose(1, 2)
        y = y + self.direct * v
        return self.out(self.norm(y) * F.silu(gate))
