"""Heads, blocks and rows folded into one axis and taken apart again in the same order."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class FoldedBlocks(nn.Module):
    """Causal attention inside blocks, all blocks of all rows and heads as one batch of matrices."""

    def __init__(self, d_model: int, num_heads: int = 4, block: int = 10):
        super().__init__()
        self.num_heads, self.block = num_heads, block
        self.head_dim = d_model // num_heads
        self.proj = nn.Linear(d_model, 3 * d_model)
        self.norm = nn.GroupNorm(num_heads, d_model)
        self.mix = nn.Linear(d_model, d_model)
        self.out = nn.Linear(2 * d_model, d_model)

    def forward(self, x):
        b, t, d = x.shape
        w, h = self.block, self.num_heads
        n = (t + w - 1) // w
        x_full = torch.cat([x, x.new_zeros(b, n * w - t, d)], dim=1)
        packed = self.proj(x_full.reshape(b * n * w, d))
        q, k, v = packed.view(b * n, w, 3, h, self.head_dim).permute(2, 0, 3, 1, 4).reshape(3, -1, w, self.head_dim)
        scores = torch.baddbmm(torch.zeros(1, 1, 1, device=x.device), q, k.transpose(1, 2), alpha=self.head_dim**-0.5)
        scores = scores + torch.full((w, w), float("-inf"), device=x.device).triu_(1)
        y = torch.bmm(torch.softmax(scores, dim=2), v)
        y = y.view(b, n, h, w, self.head_dim).transpose(2, 3).reshape(b, n * w, d)[:, :t]
        # normalised token by token: tokens are the rows of the norm's batch
        y = self.norm(y.reshape(b * t, d)).view(b, t, d)
        running = torch.cumsum(self.mix(y), dim=1)
        count = torch.arange(1, t + 1, device=x.device).view(1, t, 1)
        return self.out(torch.cat([y, running / count], dim=-1))
