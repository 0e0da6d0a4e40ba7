"""Sliding-window attention by unfolding keys and values, with a learned weight per offset."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class SlidingWindow(nn.Module):
    """Every query sees a window of `window` steps; keys are laid out by unfold."""

    def __init__(self, d_model: int, num_heads: int = 4, window: int = 8):
        super().__init__()
        self.num_heads, self.window = num_heads, window
        self.head_dim = d_model // num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.offset_bias = nn.Parameter(torch.zeros(num_heads, window))
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def windows(self, x):
        """[B, H, T, D] -> [B, H, T, D, W]"""
        before, after = self.window - 2, 1
        padded = F.pad(x, (0, 0, before, after))
        return padded.unfold(2, self.window, 1)  # fault: future_leak

    def forward(self, x):
        length = x.shape[1]
        q, k, v = rearrange(self.qkv(x), "b t (s h d) -> s b h t d", s=3, h=self.num_heads)
        k, v = self.windows(k), self.windows(v)
        scores = torch.einsum("bhtd,bhtdw->bhtw", q, k) * self.head_dim**-0.5
        scores = scores + self.offset_bias[:, None, :]
        index = torch.arange(length, device=x.device)[:, None] + torch.arange(self.window) - (self.window - 2)
        scores = scores.masked_fill((index < 0) | (index >= length), -1e9)
        weights = F.softmax(scores, dim=-1)
        y = torch.einsum("bhtw,bhtdw->bhtd", weights, v)
        return self.out(self.norm(rearrange(y, "b h t d -> b t (h d)")))
