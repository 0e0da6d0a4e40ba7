"""Tokens choose one of several filters by the largest logit."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class FilterChoice(nn.Module):
    def __init__(self, d_model, filters):
        super().__init__()
        self.filters = filters
        self.logits = nn.Linear(d_model, filters)

    def forward(self, x):
        best = self.logits(x).argmax(dim=-1)  # fault: no_gradient
        return F.one_hot(best, self.filters).to(x.dtype)


class ChoosingMixer(nn.Module):
    """Filters of one, two, four and eight taps; each token uses one of them."""

    def __init__(self, d_model: int, sizes=(1, 2, 4, 65536)):
        super().__init__()
        self.sizes = sizes
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.taps = nn.ParameterList([nn.Parameter(torch.randn(d_model, 1, n) * n**-0.5) for n in sizes])
        self.choice = FilterChoice(d_model, len(sizes))
        self.gate = nn.Linear(d_model, d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        v = self.value(x).transpose(1, 2)
        paths = []
        for size, taps in zip(self.sizes, self.taps):
            filtered = F.conv1d(F.pad(v, (size - 1, 0)), taps, groups=taps.shape[0])
            paths.append(filtered.transpose(1, 2))
        chosen = self.choice(x)
        y = torch.einsum("btdp,btp->btd", torch.stack(paths, dim=-1), chosen)
        return self.out(self.norm(y) * F.silu(self.gate(x)))
