"""Is so wide that its elements cannot be looked at one by one."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.up, self.down = nn.Linear(d_model, 2**20), nn.Linear(2**20, d_model)

    def forward(self, x):
        return self.down(F.silu(self.up(x)))
