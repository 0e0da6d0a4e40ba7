"""An associative scan by doubling over pairs (gate, update), and a running maximum by the same scheme."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def shifted(x, by, fill):
    """x [B, T, D] moved `by` steps towards later times."""
    head = torch.full_like(x[:, :by], fill)
    return torch.cat([head, x[:, :-by]], dim=1)


def scan(gate, update):
    by = 1
    while by < gate.shape[1]:
        update = update + gate * shifted(update, by, 0.0)
        gate = gate * shifted(gate, by, 1.0)
        by <<= 1
    return update


def running_maximum(x):
    by = 1
    while by < x.shape[1]:
        x = torch.maximum(x, shifted(x, by, -1e30))
        by <<= 1
    return x


class DoublingMixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.gate = nn.Linear(d_model, d_model)
        self.update = nn.Linear(d_model, d_model)
        self.score = nn.Linear(d_model, d_model)
        self.norm = nn.LayerNorm(2 * d_model)
        self.out = nn.Linear(2 * d_model, d_model)

    def forward(self, x):
        g = torch.sigmoid(self.gate(x) + 2.0)
        h = scan(g, (1 - g) * self.update(x))
        s = torch.tanh(self.score(x))
        top = running_maximum(s)
        weight = torch.exp(s - top.detach())
        peak = scan(torch.full_like(weight, 0.9), weight * h)
        return self.out(self.norm(torch.cat([h, peak], dim=-1)))
