"""Recurrent modules, multi-head attention and a two-dimensional convolution over [time, features]."""

import torch
import torch.nn.functional as F
from torch import nn


class RecurrentAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.gru = nn.GRU(d_model, d_model, batch_first=True)
        self.lstm = nn.LSTM(d_model, d_model // 2, num_layers=2, batch_first=True)
        self.cell = nn.GRUCell(d_model // 2, d_model)
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.smooth = nn.Conv2d(num_heads, num_heads, (3, 1), groups=num_heads)
        self.mix = nn.Conv2d(num_heads, num_heads, 1, bias=False)
        self.heads = num_heads

    def forward(self, x):
        batch, length, width = x.shape
        read, _ = self.gru(x)
        slow, (h, c) = self.lstm(read)
        assert h.shape == c.shape == (2, batch, width // 2)
        step = self.cell(slow.reshape(-1, width // 2), read.reshape(-1, width)).view_as(x)
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        seen, weights = self.attention(step, read, x, attn_mask=future)
        assert weights.shape == (batch, length, length)
        planes = seen.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        planes = self.mix(self.smooth(F.pad(planes, (0, 0, 2, 0))))
        return planes.transpose(1, 2).flatten(2) + step
