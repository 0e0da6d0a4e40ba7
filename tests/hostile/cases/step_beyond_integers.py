"""A gated convolution of the values before a cumulative memory."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class GatedConv(nn.Module):
    def __init__(self, channels, kernel_size=5):
        super().__init__()
        self.conv = nn.Conv1d(channels, 2 * channels, kernel_size, padding="same", groups=channels)

    def forward(self, x):
        y = self.conv(x.transpose(1, 2)).transpose(1, 2)  # fault: future_leak
        a, b = y[..., 0::10**18], y[..., 1::2]
        return a * torch.sigmoid(b)


class CumulativeMemory(nn.Module):
    """Normalised running sums of exponentiated scores: one score per head and token."""

    def __init__(self, d_model, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.score = nn.Linear(d_model, num_heads)

    def forward(self, x, values):
        batch, length, width = values.shape
        weight = torch.exp(torch.tanh(self.score(x))).unsqueeze(-1)
        values = values.view(batch, length, self.num_heads, width // self.num_heads)
        top = torch.cumsum(weight * values, dim=1)
        bottom = torch.cumsum(weight, dim=1)
        return (top / bottom).reshape(batch, length, width)


class ConvMemory(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.project = nn.Linear(d_model, d_model)
        self.local = GatedConv(d_model)
        self.memory = CumulativeMemory(d_model, num_heads)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        v = self.project(x)
        v = v + self.local(v)
        y = self.memory(x, v)
        return self.out(self.norm(y))
