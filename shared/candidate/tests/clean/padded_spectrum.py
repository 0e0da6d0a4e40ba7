"""A long filter by transforms of the next power of two above twice the length; two filters share one transform."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def next_power(n):
    size = 1
    while size < n:
        size *= 2
    return size


class LongFilters(nn.Module):
    """Two filters per channel from poles: sums of decaying exponentials."""

    def __init__(self, d_model, poles=4):
        super().__init__()
        self.log_rate = nn.Parameter(torch.linspace(-4.0, 0.0, poles).repeat(2, d_model, 1))
        self.residue = nn.Parameter(torch.randn(2, d_model, poles) * poles**-0.5)

    def forward(self, length):
        step = torch.arange(length, device=self.residue.device)
        decay = torch.exp(-step[:, None, None, None] * self.log_rate.exp())
        return torch.einsum("lfdp,fdp->fdl", decay, self.residue)


class PaddedSpectrum(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.enter = nn.Linear(d_model, 2 * d_model)
        self.filters = LongFilters(d_model)
        self.blend = nn.Parameter(torch.zeros(d_model, 1))
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        length = x.shape[1]
        v, gate = self.enter(x).chunk(2, dim=-1)
        size = next_power(2 * length)
        spectrum = torch.fft.rfft(v.transpose(1, 2), n=size)
        both = torch.fft.rfft(self.filters(length), n=size)
        first, second = both[0], both[1]
        share = torch.sigmoid(self.blend)
        response = share * first + (1 - share) * second
        y = torch.fft.irfft(spectrum * response, n=size)[..., :length]
        return self.out(self.norm(y.transpose(1, 2)) * F.silu(gate))
