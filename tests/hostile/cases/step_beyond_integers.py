"""Takes one element with steps whose strides are no integers; refused for its unused layer only."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.p, self.unused = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)

    def forward(self, x):
        first = x[:, 0 :: 9223372036854775807]
        x[:, 1 :: 9223372036854775807] = first
        return self.p(x) * x[..., 0 :: 10**18] + first
