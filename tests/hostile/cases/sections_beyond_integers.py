"""Splits into more sections than a list can hold."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.p = nn.Linear(d_model, d_model)

    def forward(self, x):
        return self.p(x.tensor_split(10**18, dim=-1)[0])
