"""Has a causal filter of 65,536 taps, too long to be proved or differentiated."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.f = nn.Conv1d(d_model, d_model, 65536, groups=d_model, padding=65535)

    def forward(self, x):
        return self.f(x.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2)
