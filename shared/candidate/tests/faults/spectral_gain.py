"""Mixing by a learned complex gain per frequency band and channel, beside a short causal filter."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class ShortFilter(nn.Module):
    def __init__(self, channels, taps=4):
        super().__init__()
        self.taps = taps
        self.weight = nn.Parameter(torch.randn(channels, 1, taps) * taps**-0.5)

    def forward(self, x):
        padded = F.pad(x.transpose(1, 2), (self.taps - 1, 0))
        return F.conv1d(padded, self.weight, groups=self.weight.shape[0]).transpose(1, 2)


class BandGain(nn.Module):
    """Bands of equal width share one complex gain per channel."""

    def __init__(self, channels, bands=8):
        super().__init__()
        self.bands = bands
        self.real = nn.Parameter(torch.ones(bands, channels))
        self.imag = nn.Parameter(torch.zeros(bands, channels))

    def forward(self, x):
        length = x.shape[1]
        spectrum = torch.fft.rfft(x, n=2 * length, dim=1)
        count = spectrum.shape[1]
        band = torch.div(torch.arange(count) * self.bands, count, rounding_mode="floor")
        gain = torch.complex(self.real[band], self.imag[band])
        return torch.fft.irfft(spectrum * gain, n=2 * length, dim=1)[:, :length]  # fault: future_leak


class FrequencyMixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.gate = nn.Linear(d_model, d_model)
        self.local = ShortFilter(d_model)
        self.bands = BandGain(d_model)
        self.blend = nn.Parameter(torch.full((d_model,), -2.0))
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v = F.silu(self.value(x))
        near = self.local(v)
        far = self.bands(v)
        share = torch.sigmoid(self.blend)
        y = (1 - share) * near + share * far
        y = self.norm(y) * torch.sigmoid(self.gate(x))
        return self.out(y)
