"""Multiplies the largest matrices that there may be, many times."""

import torch
import torch.nn as nn


class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.wide = nn.Linear(d_model, 40000, bias=False)

    def forward(self, x):
        y = self.wide(x)
        z = y.transpose(1, 2) @ y
        for _ in range(40):
            z = z @ z
        return x + z.sum()
