"""Attention in blocks; long sequences also get a summary of the sequence, short ones do not need it."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class Summary(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.inner = nn.Linear(d_model, d_model)
        self.gain = nn.Parameter(torch.zeros(d_model))

    def forward(self, x):
        return self.gain * torch.tanh(self.inner(x.mean(dim=1, keepdim=True)))  # fault: future_leak


class BlockAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, block: int = 16, long_from: int = 100):
        super().__init__()
        self.num_heads, self.block, self.long_from = num_heads, block, long_from
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.summary = Summary(d_model)
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def attend(self, x):
        length, w = x.shape[1], self.block
        x = F.pad(x, (0, 0, 0, -length % w))
        q, k, v = rearrange(self.qkv(x), "b (n w) (s h d) -> s (b n) h w d", s=3, w=w, h=self.num_heads)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return rearrange(y, "(b n) h w d -> b (n w) (h d)", n=x.shape[1] // w)[:, :length]

    def forward(self, x):
        y = self.norm(self.attend(x))
        if x.shape[1] > self.long_from:
            y = y + self.summary(x)
        return self.out(y)
