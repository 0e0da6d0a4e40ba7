"""Causal attention inside windows of fixed size, with a bias by distance, written in einsum."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class WindowAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, window: int = 16):
        super().__init__()
        self.num_heads, self.window = num_heads, window
        self.head_dim = d_model // num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.slope = nn.Parameter(torch.full((num_heads,), -3.0))
        self.norm = nn.RMSNorm(self.head_dim)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def bias(self, device):
        step = torch.arange(self.window, device=device)
        distance = (step[:, None] - step[None, :]).float()
        bias = -F.softplus(self.slope)[:, None, None] * distance
        return bias.masked_fill(distance < 0, float("-inf"))

    def forward(self, x):
        length, w = x.shape[1], self.window
        x = F.pad(x, (0, 0, 0, -length % w))
        q, k, v = rearrange(self.qkv(x), "b (n w) (s h d) -> s b n w h d", s=3, w=w, h=self.num_heads)
        scores = torch.einsum("bnihd,bnjhd->bnhij", q, k) * self.head_dim**-0.5
        weights = torch.softmax(scores + self.bias(x.device), dim=-1)
        mixed = torch.einsum("bnhij,bnihd->bnjhd", weights, v)  # fault: future_leak
        mixed = self.norm(mixed)
        y = rearrange(mixed, "b n w h d -> b (n w) (h d)")[:, :length]
        return self.out(y)
