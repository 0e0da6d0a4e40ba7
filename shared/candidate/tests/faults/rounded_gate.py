"""A binary forget gate: the memory is kept or dropped, by rounding a sigmoid."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class BinaryGate(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, x):
        soft = torch.sigmoid(self.linear(x) + 1.0)
        return torch.round(soft)  # fault: no_gradient


def resettable_sum(update, keep, chunk=16):
    """h_t = keep_t h_{t-1} + u_t by doubling inside one tensor; [B, T, D]."""
    reach, length = 1, update.shape[1]
    while reach < length:
        before = F.pad(update, (0, 0, reach, 0))[:, :length]
        update = update + keep * before
        keep = keep * F.pad(keep, (0, 0, reach, 0))[:, :length]
        reach = 2 * reach
    return update


class ResetMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.update = nn.Linear(d_model, d_model)
        self.keep = BinaryGate(d_model)
        self.gate = nn.Linear(d_model, d_model)
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        u = torch.tanh(self.update(x))
        h = resettable_sum(u, self.keep(x))
        return self.out(self.norm(h) * torch.sigmoid(self.gate(x)))
