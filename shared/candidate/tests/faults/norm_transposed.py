"""A token mixer of stacked causal filters with normalisation between them."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class CausalConv(nn.Module):
    def __init__(self, channels, taps, dilation):
        super().__init__()
        self.reach = (taps - 1) * dilation
        self.conv = nn.Conv1d(channels, channels, taps, dilation=dilation, groups=channels)

    def forward(self, x):
        return self.conv(F.pad(x, (self.reach, 0)))


class InstanceScale(nn.Module):
    """Zero mean and unit variance, with a gain and a shift per channel."""

    def __init__(self, channels, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.gain = nn.Parameter(torch.ones(channels, 1))
        self.shift = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x):
        centred = x - x.mean(dim=-1, keepdim=True)  # fault: future_leak
        scale = (centred.pow(2).mean(dim=1, keepdim=True) + self.eps).rsqrt()
        return centred * scale * self.gain + self.shift


class FilterStack(nn.Module):
    def __init__(self, d_model: int, depth: int = 3, taps: int = 3):
        super().__init__()
        self.enter = nn.Linear(d_model, 2 * d_model)
        self.filters = nn.ModuleList([CausalConv(d_model, taps, 2**i) for i in range(depth)])
        self.norms = nn.ModuleList([InstanceScale(d_model) for _ in range(depth)])
        self.leave = nn.Linear(d_model, d_model)

    def forward(self, x):
        value, gate = self.enter(x).chunk(2, dim=-1)
        h = value.transpose(1, 2)
        for conv, norm in zip(self.filters, self.norms):
            h = h + F.gelu(conv(norm(h)))
        y = h.transpose(1, 2) * torch.sigmoid(gate)
        return self.leave(y)
