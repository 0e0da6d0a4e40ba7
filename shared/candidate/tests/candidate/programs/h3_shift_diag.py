"""H3: a shift SSM and a diagonal SSM by FFT convolutions with multiplicative gates between (Fu et al. 2023)."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def fft_conv(u, k, skip):
    length = u.size(-1)
    size = 1 << (2 * length - 1).bit_length()
    spectrum = torch.fft.rfft(u, n=size) * torch.fft.rfft(k, n=size)
    return torch.fft.irfft(spectrum, n=size)[..., :length] + skip[..., None] * u


class ShiftKernel(nn.Module):
    def __init__(self, channels, taps=4):
        super().__init__()
        self.taps = taps
        self.C = nn.Parameter(torch.randn(channels, taps) / taps)

    def forward(self, length):
        return F.pad(self.C, (0, max(0, length - self.taps)))[:, :length]


class DiagonalKernel(nn.Module):
    def __init__(self, channels, n=4):
        super().__init__()
        self.log_step = nn.Parameter(torch.linspace(math.log(0.01), math.log(0.5), channels))
        self.log_real = nn.Parameter(torch.full((channels, n), math.log(0.5)))
        self.imag = nn.Parameter(math.pi * torch.arange(n).float().expand(channels, n).clone())
        self.C = nn.Parameter(torch.randn(channels, n, 2) * 0.5**0.5)

    def forward(self, length):
        step = self.log_step.exp()[:, None]
        A = torch.complex(-self.log_real.exp(), self.imag) * step
        powers = torch.exp(A[..., None] * torch.arange(length, device=step.device))
        return 2 * torch.einsum("cn,cnl->cl", torch.view_as_complex(self.C) * step, powers).real


class H3(nn.Module):
    def __init__(self, d_model, head_dim=1, n=4):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(d_model, d_model) for _ in range(3))
        self.shift, self.diag = ShiftKernel(d_model), DiagonalKernel(d_model, n)
        self.shift_D = nn.Parameter(torch.randn(d_model))
        self.diag_D = nn.Parameter(torch.randn(d_model))
        self.output_linear = nn.Linear(d_model, d_model)

    def forward(self, u, inference_params=None):
        L = u.size(-2)
        q, k, v = (rearrange(p(u), "b l d -> b d l") for p in (self.q_proj, self.k_proj, self.v_proj))
        k = fft_conv(k, self.shift(L), self.shift_D)
        y = q * fft_conv(k * v, self.diag(L), self.diag_D)
        return self.output_linear(rearrange(y, "b d l -> b l d"))
