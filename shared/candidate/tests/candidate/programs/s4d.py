"""S4D (Gu et al. 2022): the response of a diagonal complex state space, h' = A h + x and y = 2 Re(C h), held constant
over each step and applied as one long convolution; states come in conjugate pairs, of which one is kept."""

import math

import torch
import torch.nn as nn
from einops import repeat


class ChannelDropout(nn.Module):
    """Drops whole channels of a sequence."""

    def __init__(self, p: float):
        super().__init__()
        if not 0.0 <= p < 1.0:
            raise ValueError("a probability below one, not {}".format(p))
        self.keep = 1.0 - p

    def forward(self, x):
        if not self.training or self.keep == 1.0:
            return x
        kept = torch.rand(x.shape[0], 1, x.shape[2], device=x.device) < self.keep
        return x * kept / self.keep


class Response(nn.Module):
    def __init__(self, channels, pairs=4, steps=(0.001, 0.1), learned=True):
        super().__init__()
        first, last = map(math.log, steps)
        start = {
            "log_step": torch.linspace(first, last, channels),
            "log_damping": torch.full((channels, pairs), math.log(0.5)),
            "frequency": repeat(math.pi * torch.arange(pairs).float(), "n -> d n", d=channels).clone(),
        }
        for name, value in start.items():
            if learned:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)
        self.readout = nn.Parameter(torch.randn(channels, pairs, 2))

    def forward(self, length):
        """[D, T]: 2 Re sum_n C_n (e^{s A_n} - 1) / A_n e^{s A_n t}."""
        pole = torch.complex(-torch.exp(self.log_damping), self.frequency)
        per_step = pole * torch.exp(self.log_step)[:, None]
        held = torch.view_as_complex(self.readout) * (torch.exp(per_step) - 1) / pole
        time = torch.arange(length, device=per_step.device)
        return 2 * torch.einsum("dn,dnt->dt", held, torch.exp(per_step[:, :, None] * time)).real


class DiagonalStateSpace(nn.Module):
    def __init__(self, d_model, pairs=4, dropout=0.0, **response):
        super().__init__()
        self.response = Response(d_model, pairs, **response)
        self.direct = nn.Parameter(torch.randn(d_model))
        self.dropout = ChannelDropout(dropout) if dropout > 0.0 else nn.Identity()
        self.mix = nn.Sequential(nn.GELU(), nn.Conv1d(d_model, 2 * d_model, kernel_size=1), nn.GLU(dim=-2))

    def forward(self, x, **kwargs):
        length = x.size(1)
        signal = x.transpose(-1, -2)
        spectrum = torch.fft.rfft(signal, n=2 * length) * torch.fft.rfft(self.response(length), n=2 * length)
        y = torch.fft.irfft(spectrum, n=2 * length)[..., :length] + self.direct[:, None] * signal
        return self.mix(self.dropout(y.mT).mT).mT, None
