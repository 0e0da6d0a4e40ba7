"""Means of blocks, read one block later, beside the running mean within the block."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange, reduce, repeat


class EarlierBlocks(nn.Module):
    """Every step sees the mean of the block before its own, and of all blocks before."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        length, c = x.shape[1], self.block
        x = F.pad(x, (0, 0, 0, -length % c))
        means = reduce(x, "b (n c) d -> b n d", "mean", c=c)
        last = torch.roll(means, 1, dims=1)
        first = torch.zeros_like(means)
        first[:, 1:] = 1.0
        last = last * first
        count = torch.arange(1, means.shape[1] + 1, device=x.device)[:, None]
        every = last.cumsum(1) / count
        both = torch.stack([last, every], dim=-1)
        return repeat(both, "b n d p -> b (n c) d p", c=c)[:, :length]


class BlockHistory(nn.Module):
    def __init__(self, d_model: int, block: int = 8):
        super().__init__()
        self.block = block
        self.value = nn.Linear(d_model, d_model)
        self.earlier = EarlierBlocks(block)
        self.weights = nn.Linear(d_model, 3)
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def within(self, v):
        """Mean of the steps of the own block up to now."""
        length, c = v.shape[1], self.block
        v = rearrange(F.pad(v, (0, 0, 0, -length % c)), "b (n c) d -> b n c d", c=c)
        count = torch.arange(1, c + 1, device=v.device).view(1, 1, -1, 1)
        return rearrange(v.cumsum(2) / count, "b n c d -> b (n c) d")[:, :length]

    def forward(self, x):
        v = F.silu(self.value(x))
        last, every = self.earlier(v).unbind(-1)
        paths = torch.stack([self.within(v), last, every], dim=2)
        weights = self.weights(x).softmax(dim=-1)
        return self.out(self.norm(torch.einsum("btp,btpd->btd", weights, paths)))
