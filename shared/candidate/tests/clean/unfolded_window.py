"""Sliding-window attention by unfolding, with positions that do not exist masked, and a bias per offset."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class UnfoldedWindow(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, window: int = 9):
        super().__init__()
        self.num_heads, self.window = num_heads, window
        self.head_dim = d_model // num_heads
        self.q_proj = nn.Linear(d_model, d_model)
        self.kv_proj = nn.Linear(d_model, 2 * d_model)
        self.bias = nn.Parameter(torch.zeros(num_heads, 1, window))
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        length, w = x.shape[1], self.window
        q = rearrange(self.q_proj(x), "b t (h d) -> b h t d", h=self.num_heads)
        kv = F.pad(self.kv_proj(x), (0, 0, w - 1, 0)).unfold(1, w, 1)
        k, v = rearrange(kv, "b t (s h d) w -> s b h t w d", s=2, h=self.num_heads)
        scores = (q.unsqueeze(-2) @ k.transpose(-1, -2)).squeeze(-2) * self.head_dim**-0.5
        place = torch.arange(length, device=x.device).unsqueeze(1)
        exists = place - torch.arange(w - 1, -1, -1, device=x.device) >= 0
        scores = (scores + self.bias).masked_fill(~exists, -1e9)
        y = torch.einsum("bhtw,bhtwd->bhtd", scores.softmax(dim=-1), v)
        return self.out(self.norm(rearrange(y, "b h t d -> b t (h d)")))
