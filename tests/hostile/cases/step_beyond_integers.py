"""Takes one element with a step whose stride is no integer; refused for its unused layer only."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.p, self.unused = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)

    def forward(self, x):
        return self.p(x) * x[..., 0 :: 10**18]
