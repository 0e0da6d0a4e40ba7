"""A mixer with normalised filters: batch norm after the depthwise convolution, as in vision models."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class ConvUnit(nn.Module):
    def __init__(self, channels, taps):
        super().__init__()
        self.taps = taps
        self.depthwise = nn.Conv1d(channels, channels, taps, groups=channels, bias=False)
        self.norm = nn.BatchNorm1d(channels)  # fault: batch_leak|unsupported
        self.pointwise = nn.Conv1d(channels, channels, 1)

    def forward(self, x):
        y = self.depthwise(F.pad(x, (self.taps - 1, 0)))
        return self.pointwise(F.gelu(self.norm(y)))


class SqueezeGate(nn.Module):
    """A gate from the running mean of the channels."""

    def __init__(self, channels, reduction=4):
        super().__init__()
        self.down = nn.Linear(channels, channels // reduction)
        self.up = nn.Linear(channels // reduction, channels)

    def forward(self, x):
        count = torch.arange(1, x.shape[1] + 1, device=x.device).float()[:, None]
        mean = x.cumsum(dim=1) / count
        return x * torch.sigmoid(self.up(F.relu(self.down(mean))))


class ConvMixer(nn.Module):
    def __init__(self, d_model: int, depth: int = 2, taps: int = 5):
        super().__init__()
        self.units = nn.ModuleList([ConvUnit(d_model, taps) for _ in range(depth)])
        self.gate = SqueezeGate(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        h = x.transpose(1, 2)
        for unit in self.units:
            h = h + unit(h)
        return self.out(self.gate(h.transpose(1, 2)))
