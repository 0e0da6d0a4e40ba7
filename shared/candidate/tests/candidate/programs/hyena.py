"""Hyena (Poli et al. 2023): z_1 = v, z_{n+1} = x_n . (h_n * z_n), where every filter h_n is the value of a small sine
network at features of the position, under an exponential window."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

HORIZON = 1024


@torch.jit.script
def gate(opening, signal):
    return opening * signal


def convolve(signal, taps):
    """signal [B, D, T] with taps [D, T]; twice the length leaves room, so that no later step wraps around."""
    steps = signal.shape[-1]
    room = 2 * steps
    spectrum = torch.fft.rfft(signal, n=room) * torch.fft.rfft(taps, n=room, norm="forward")
    return torch.fft.irfft(spectrum, n=room, norm="forward")[..., :steps]


class SineFilters(nn.Module):
    """`count` filters for each of `channels`, at the first positions of a fixed horizon."""

    def __init__(self, channels, count, width=6, bands=2, half_lives=(4.0, 64.0)):
        super().__init__()
        self.count = count
        position = torch.arange(HORIZON).float()
        turns = torch.outer(position, torch.arange(1, bands + 1).float()) * (2 * math.pi / HORIZON)
        circle = torch.exp(1j * turns)
        features = torch.cat([position[:, None] / HORIZON, circle.real, circle.imag], dim=-1)
        self.register_buffer("features", features)
        shortest, longest = half_lives
        self.register_buffer("rate", math.log(2) / torch.linspace(shortest, longest, channels))
        self.widen = nn.Linear(features.shape[-1], width)
        self.middle = nn.Sequential()
        self.middle.append(nn.Linear(width, width))
        self.frequency = nn.Parameter(torch.full((2, width), 3.0))
        self.read = nn.Linear(width, channels * count, bias=False)
        setattr(self.frequency, "_no_decay", True)

    def forward(self, steps):
        hidden = torch.sin(self.frequency[0] * self.widen(self.features[:steps]))
        hidden = torch.sin(self.frequency[1] * self.middle(hidden))
        window = torch.exp(-torch.outer(torch.arange(steps).to(self.rate), self.rate))
        filters = rearrange(self.read(hidden), "t (n d) -> n t d", n=self.count) * window
        return rearrange(filters, "n t d -> n d t")


class Hyena(nn.Module):
    def __init__(self, d_model, order=2, taps=3, dropout=0.0):
        super().__init__()
        assert order >= 1, "at least one gate"
        self.order, self.taps = order, taps
        channels = d_model * (order + 1)
        self.into = nn.Linear(d_model, channels)
        self.local = nn.Conv1d(channels, channels, taps, groups=channels)
        self.filters = SineFilters(d_model, order)
        self.direct = nn.Parameter(torch.randn(order, d_model))
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x, *args, **kwargs):
        streams = rearrange(self.into(x), "b t c -> b c t")
        streams = self.local(F.pad(streams, (self.taps - 1, 0)))
        *gates, z = streams.chunk(self.order + 1, dim=1)
        taps = self.filters(min(x.size(1), HORIZON))
        for n, opening in enumerate(reversed(gates)):
            z = gate(opening, convolve(self.drop(z), taps[n]) + self.direct[n, :, None] * z)
        return self.out(rearrange(z, "b d t -> b t d"))
