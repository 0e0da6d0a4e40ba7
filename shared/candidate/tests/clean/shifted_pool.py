"""Two scales: pooled steps are handed to the fine sequence only when the pool is complete."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class ShiftedPool(nn.Module):
    """Coarse step n covers fine steps up to n * stride - 1, and is read from n * stride on."""

    def __init__(self, d_model: int, stride: int = 4, taps: int = 3):
        super().__init__()
        self.stride, self.taps = stride, taps
        self.fine = nn.Linear(d_model, d_model)
        self.coarse = nn.Conv1d(d_model, d_model, taps)
        self.gate = nn.Linear(d_model, d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        length, s = x.shape[1], self.stride
        h = self.fine(x).transpose(1, 2)
        # one pool of zeros in front: everything arrives a whole pool later
        padded = F.pad(h, (s, -length % s))
        pooled = F.avg_pool1d(padded, s)
        coarse = F.gelu(self.coarse(F.pad(pooled, (self.taps - 1, 0))))
        back = torch.repeat_interleave(coarse, s, dim=-1)[..., :length].transpose(1, 2)
        g = torch.sigmoid(self.gate(x))
        return self.out(self.norm(g * h.transpose(1, 2) + (1 - g) * back))
