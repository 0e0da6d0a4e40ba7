"""H3 (Fu et al. 2023): y = q . D(k' . v) with k' = S(k), where S remembers the last few steps and D, a diagonal complex
state space, everything; both are causal convolutions, applied to padded spectra."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class Convolution(nn.Module):
    """A causal convolution per channel with the response that a subclass gives, and a direct path."""

    def __init__(self, channels):
        super().__init__()
        self.direct = nn.Parameter(torch.randn(channels))

    def forward(self, x):
        length = x.size(-1)
        room = 1 << (2 * length - 1).bit_length()
        spectrum = torch.fft.rfft(self.response(length), n=room) * torch.fft.rfft(x, n=room)
        return torch.addcmul(torch.fft.irfft(spectrum, n=room)[..., :length], x, self.direct[:, None])


class Recent(Convolution):
    def __init__(self, channels, taps=4):
        super().__init__(channels)
        self.weights = nn.Parameter(torch.randn(channels, taps) / taps)

    def response(self, length):
        surplus = length - self.weights.shape[1]
        return F.pad(self.weights, (0, max(0, surplus)))[:, :length]


class Lasting(Convolution):
    def __init__(self, channels, pairs=4):
        super().__init__(channels)
        self.log_step = nn.Parameter(torch.linspace(math.log(0.01), math.log(0.5), channels).unsqueeze(1))
        self.log_damping = nn.Parameter(torch.zeros(channels, pairs).fill_(-math.log(2)))
        self.frequency = nn.Parameter(torch.arange(pairs).mul(math.pi).expand(channels, pairs).clone())
        self.readout = nn.Parameter(torch.randn(channels, pairs, 2))

    def response(self, length):
        step = torch.exp(self.log_step)
        per_step = torch.complex(-torch.exp(self.log_damping), self.frequency) * step
        states = torch.exp(per_step.unsqueeze(-1) * torch.arange(length, device=step.device))
        return torch.einsum("dn,dnt->dt", torch.view_as_complex(self.readout) * (2 * step), states).real


class ShiftAndDiagonal(nn.Module):
    def __init__(self, d_model, taps=4, pairs=4):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(d_model, d_model) for _ in range(3))
        self.recent, self.lasting = Recent(d_model, taps), Lasting(d_model, pairs)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        q, k, v = (rearrange(read(x), "b t d -> b d t") for read in (self.q, self.k, self.v))
        y = q * self.lasting(self.recent(k) * v)
        return self.out(rearrange(y, "b d t -> b t d"))
