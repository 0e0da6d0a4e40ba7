"""Causal attention by positive random features (Choromanski et al. 2020): exp(<q, k>) is the mean over normal w of
exp(<w, q> - |q|^2 / 2) exp(<w, k> - |k|^2 / 2); running sums replace the sum over pairs."""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from einops import rearrange


def positive_features(x, directions, stable):
    """[.., d] -> [.., m]; where `stable`, each vector is scaled by its largest feature, which a ratio cancels."""
    x = x * x.shape[-1] ** -0.25
    exponent = torch.einsum("...d,md->...m", x, directions) - x.square().sum(dim=-1, keepdim=True) / 2
    if stable:
        exponent = exponent - torch.amax(exponent, dim=-1, keepdim=True).detach()
    return exponent.exp() / math.sqrt(len(directions)) + 1e-4


class RandomFeatures(nn.Module):
    def __init__(self, width, count):
        super().__init__()
        grid = torch.arange(count * width).float().view(count, width)
        self.register_buffer("directions", 1.5 * torch.cos(grid * grid))

    @torch.no_grad()
    def redraw(self):
        """Orthogonal directions of normal length, a square block after another."""
        count, width = self.directions.shape
        blocks = []
        while sum(map(len, blocks)) < count:
            blocks.append(nn.init.orthogonal_(torch.empty(width, width)))
        lengths = torch.randn(count, width).norm(dim=1, keepdim=True)
        self.directions.copy_(torch.cat(blocks)[:count] * lengths)

    def forward(self, q, k):
        of = partial(positive_features, directions=self.directions)
        return of(q, stable=True), of(k, stable=False)


class RectifiedFeatures(nn.Module):
    def forward(self, q, k):
        return F.relu(q) + 1e-3, F.relu(k) + 1e-3


def running_read(q, k, v, size=16):
    """sum_{s <= t} <q_t, k_s> v_s over the same without v; [b, h, t, ..] in pieces of `size`."""
    v = F.pad(v, (0, 1), value=1.0)
    total = 0
    read = []
    for q_p, k_p, v_p in zip(*(t.split(size, dim=-2) for t in (q, k, v))):
        sums = total + (k_p.unsqueeze(-1) * v_p.unsqueeze(-2)).cumsum(dim=-3)
        total = sums[..., -1:, :, :]
        read.append(torch.einsum("...tm,...tmd->...td", q_p, sums))
    read = torch.cat(read, dim=-2)
    return read[..., :-1] / (read[..., -1:] + 1e-6)


class KernelAttention(nn.Module):
    def __init__(self, dim, heads=2, features=None, random=True, dropout=0.0):
        super().__init__()
        assert dim % heads == 0, "heads of equal width"
        self.heads = heads
        width = dim // heads
        self.enter = nn.ModuleList(nn.Linear(dim, dim) for _ in range(3))
        self.features = RandomFeatures(width, features or 2 * width) if random else RectifiedFeatures()
        self.leave = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(dropout))

    def forward(self, x, context=None, mask=None, **kwargs):
        sources = (x, x, x) if context is None else (x, context, context)
        q, k, v = (rearrange(f(s), "b t (h d) -> b h t d", h=self.heads) for f, s in zip(self.enter, sources))
        if mask is not None:
            v = v.masked_fill(~mask[:, None, :, None], 0.0)
        q, k = self.features(q, k)
        return self.leave(rearrange(running_read(q, k, v), "b h t d -> b t (h d)"))
