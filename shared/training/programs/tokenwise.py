"""Mixes nothing: a gated linear unit on every token by itself. What a task yields without memory."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Mixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.gate = nn.Linear(d_model, 2 * d_model, bias=False)
        self.up = nn.Linear(d_model, 2 * d_model, bias=False)
        self.out = nn.Linear(2 * d_model, d_model, bias=False)

    def forward(self, x):
        return self.out(F.silu(self.gate(x)) * self.up(x))
