"""Local attention whose window is a quarter of the sequence, laid out by unfold."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class ShareWindow(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, share: int = 4):
        super().__init__()
        self.num_heads, self.share = num_heads, share
        self.head_dim = d_model // num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.log_slope = nn.Parameter(torch.linspace(-3.0, 0.0, num_heads))
        self.norm = nn.RMSNorm(self.head_dim)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        length = x.shape[1]
        size = max(length // self.share, 4)
        q, k, v = rearrange(self.qkv(x), "b t (s h d) -> s b h t d", s=3, h=self.num_heads)
        q = q * self.head_dim**-0.5
        back = torch.arange(size - 1, -1, -1, device=x.device)
        slope = self.log_slope.exp()[:, None, None]
        keys = F.pad(k, (0, 0, size - 1, 0))
        scores = torch.einsum("bhtd,bhtdw->bhtw", q, keys.unfold(2, size, 1)) - slope * back  # fault: complexity
        missing = torch.arange(length, device=x.device)[:, None] < back[None, :]
        weights = F.softmax(scores.masked_fill(missing, -1e9), dim=-1)
        values = F.pad(v, (0, 0, size - 1, 0))
        mixed = torch.einsum("bhtw,bhtdw->bhtd", weights, values.unfold(2, size, 1))
        y = self.norm(mixed)
        return self.out(rearrange(y, "b h t d -> b t (h d)"))
