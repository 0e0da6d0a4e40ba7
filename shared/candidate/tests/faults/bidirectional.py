"""A minimal gated recurrence in both directions, as used for encoders, with the parameters of a decoder."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def linear_recurrence(gate, update):
    """h_t = gate_t h_{t-1} + update_t by doubling; [B, T, D]."""
    length, reach = gate.shape[1], 1
    while reach < length:
        earlier = F.pad(update[:, :-reach], (0, 0, reach, 0))
        update = update + gate * earlier
        gate = gate * F.pad(gate[:, :-reach], (0, 0, reach, 0), value=0.0)
        reach *= 2
    return update


class MinimalUnit(nn.Module):
    def __init__(self, d_model, hidden):
        super().__init__()
        self.candidate = nn.Linear(d_model, hidden)
        self.update = nn.Linear(d_model, hidden)

    def forward(self, x, reverse=False):
        z = torch.sigmoid(self.update(x))
        h = torch.tanh(self.candidate(x))
        if reverse:
            z, h = z.flip([1]), h.flip([1])  # fault: future_leak
        y = linear_recurrence(1 - z, z * h)
        return y.flip([1]) if reverse else y


class RecurrentMixer(nn.Module):
    def __init__(self, d_model: int, directions: int = 2):
        super().__init__()
        self.units = nn.ModuleList(MinimalUnit(d_model, d_model) for _ in range(directions))
        self.norm = nn.LayerNorm(directions * d_model)
        self.out = nn.Linear(directions * d_model, d_model)

    def forward(self, x, state=None):
        both = [unit(x, reverse=bool(i % 2)) for i, unit in enumerate(self.units)]
        return self.out(self.norm(torch.cat(both, dim=-1)))
