"""An order statistic of the signal, smoothed and handed to every step as a reference level."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange, repeat


class ReferenceLevel(nn.Module):
    """Mean of the middle half of the sorted values: a robust level per channel."""

    def __init__(self, d_model):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d_model))

    def forward(self, x):
        length = x.shape[1]
        ordered, _ = torch.sort(x, dim=1)  # fault: future_leak|unproved
        low, high = length // 4, max(length - length // 4, length // 4 + 1)
        return self.scale * ordered[:, low:high].mean(dim=1, keepdim=True)


class LevelMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, taps: int = 8):
        super().__init__()
        self.num_heads, self.taps = num_heads, taps
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.level = ReferenceLevel(d_model)
        self.weight = nn.Parameter(torch.randn(num_heads, taps) * taps**-0.5)
        self.gate = nn.Linear(d_model, num_heads)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        v = self.value(x)
        v = v - self.level(v)
        h = rearrange(v, "b t (h d) -> b h t d", h=self.num_heads)
        windows = F.pad(h, (0, 0, self.taps - 1, 0)).unfold(2, self.taps, 1)
        y = torch.einsum("bhtdk,hk->bhtd", windows, torch.softmax(self.weight, -1))
        gate = rearrange(torch.sigmoid(self.gate(x)), "b t h -> b h t 1")
        return self.out(rearrange(gate * y + (1 - gate) * h, "b h t d -> b t (h d)"))
