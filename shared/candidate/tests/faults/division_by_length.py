"""Second-order features: running sums of products of two projections, scaled to keep them near one."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class SecondOrder(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.left = nn.Linear(d_model, d_model, bias=False)
        self.right = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        a = rearrange(torch.tanh(self.left(x)), "b t (h d) -> b t h d 1", h=self.num_heads)
        b = rearrange(self.right(x), "b t (h d) -> b t h 1 d", h=self.num_heads)
        products = (a * b).flatten(2)
        length = products.shape[1]
        sums = torch.cumsum(products, dim=1)
        return sums * length**-0.5  # fault: length_dependent


class SecondOrderMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, taps: int = 3):
        super().__init__()
        self.taps = taps
        head_dim = d_model // num_heads
        self.features = SecondOrder(d_model, num_heads)
        self.reduce = nn.Linear(num_heads * head_dim * head_dim, d_model)
        self.local = nn.Conv1d(d_model, d_model, taps, groups=d_model)
        self.gate = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        second = torch.tanh(self.reduce(self.features(x)))
        first = self.local(F.pad(x.transpose(1, 2), (self.taps - 1, 0))).transpose(1, 2)
        g = torch.sigmoid(self.gate(x))
        return self.out(g * second + (1 - g) * F.silu(first))
