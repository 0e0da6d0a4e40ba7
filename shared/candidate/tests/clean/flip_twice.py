"""An anti-causal filter run on the reversed sequence is a causal one."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Reversed(nn.Module):
    """Runs a module on the sequence turned round, and turns the result back."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x.flip(1)).flip(1)


class ForwardLooking(nn.Module):
    """y_t = sum_k w_k x_{t+k}: looks ahead, so that reversed it looks back."""

    def __init__(self, channels, taps, dilation=1):
        super().__init__()
        self.reach = (taps - 1) * dilation
        self.conv = nn.Conv1d(channels, channels, taps, dilation=dilation, groups=channels)

    def forward(self, x):
        return self.conv(F.pad(x.transpose(1, 2), (0, self.reach))).transpose(1, 2)


class SuffixAverage(nn.Module):
    """Mean of a step and all that follow, by a reversed running sum."""

    def forward(self, x):
        count = torch.arange(x.shape[1], 0, -1, device=x.device)[:, None]
        suffix = torch.flip(torch.cumsum(torch.flip(x, [1]), dim=1), [1])
        return suffix / count


class MirroredMixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.value = nn.Linear(d_model, d_model)
        self.local = Reversed(ForwardLooking(d_model, 4))
        self.wide = Reversed(ForwardLooking(d_model, 3, dilation=5))
        self.average = Reversed(SuffixAverage())
        self.gate = nn.Linear(d_model, 3 * d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        v = self.value(x)
        g = torch.sigmoid(self.gate(x)).chunk(3, dim=-1)
        y = g[0] * self.local(v) + g[1] * self.wide(v) + g[2] * self.average(v)
        return self.out(self.norm(y))
