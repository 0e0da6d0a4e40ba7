"""Attention to chosen earlier blocks: a router over block means picks two, and the choice becomes a mask."""
# max_complexity: n^2

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange, repeat


class BlockChoice(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, block: int = 16, choose: int = 2):
        super().__init__()
        self.num_heads, self.block, self.choose = num_heads, block, choose
        self.head_dim = d_model // num_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        length, c = x.shape[1], self.block
        x = F.pad(x, (0, 0, 0, -length % c))
        q, k, v = (rearrange(p(x), "b t (h d) -> b h t d", h=self.num_heads) for p in (self.q_proj, self.k_proj, self.v_proj))
        means = rearrange(k, "b h (n c) d -> b h n c d", c=c).mean(dim=3)
        affinity = q @ means.transpose(-1, -2)
        step = torch.arange(x.shape[1], device=x.device)
        own, blocks = step // c, torch.arange(means.shape[2], device=x.device)
        earlier = blocks[None, :] < own[:, None]
        affinity = affinity.masked_fill(~earlier, float("-inf"))
        chosen = affinity.topk(min(self.choose, blocks.numel()), dim=-1).indices
        mask = torch.zeros_like(affinity).scatter(-1, chosen, 1.0).bool() & earlier
        mask = mask | (blocks[None, :] == own[:, None])
        mask = repeat(mask, "b h t n -> b h t (n c)", c=c) & (step[None, :] <= step[:, None])
        scores = q @ k.transpose(-1, -2) * self.head_dim**-0.5
        y = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1) @ v
        return self.out(rearrange(y, "b h t d -> b t (h d)")[:, :length])
