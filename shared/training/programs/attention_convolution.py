"""Causal softmax attention with rotary positions, behind a causal depthwise convolution of four taps."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def rotate(x):
    """Turn each pair of channels of x [B, H, T, D] by an angle that grows with the position."""
    half = x.shape[-1] // 2
    speed = 10000.0 ** (-torch.arange(half).float() / half)
    angle = torch.arange(x.shape[2]).float()[:, None] * speed
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-1)


class Mixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.heads = 4
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        taps = 4
        self.near = nn.Conv1d(3 * d_model, 3 * d_model, taps, groups=3 * d_model, padding=taps - 1)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        qkv = self.qkv(x)
        qkv = F.silu(self.near(qkv.transpose(1, 2))[:, :, : x.shape[1]].transpose(1, 2))
        q, k, v = [rearrange(part, "b t (h d) -> b h t d", h=self.heads) for part in qkv.chunk(3, dim=-1)]
        scores = rotate(q) @ rotate(k).transpose(-1, -2) * q.shape[-1] ** -0.5
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        mixed = torch.softmax(scores.masked_fill(later, float("-inf")), dim=-1) @ v
        return self.out(rearrange(mixed, "b h t d -> b t (h d)"))
