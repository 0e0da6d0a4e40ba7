"""Asks for the value of a product of large constants again and again."""

import torch
import torch.nn as nn


class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.p = nn.Linear(d_model, d_model)

    def forward(self, x):
        for i in range(4000):
            a = torch.full((1400, 1400), float(i))
            if (a @ a)[0, 0] < 0:
                x = x + 1
        return self.p(x).vew(1)
