"""Retention over heads: heads are folded into the batch for one large product."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class FoldedRetention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 16):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.head_dim = d_model // num_heads
        self.q = nn.Linear(d_model, d_model, bias=False)
        self.k = nn.Linear(d_model, d_model, bias=False)
        self.v = nn.Linear(d_model, d_model, bias=False)
        self.log_decay = nn.Parameter(torch.log(torch.linspace(0.02, 0.2, num_heads)))
        self.norm = nn.RMSNorm(self.head_dim)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def fold(self, x):
        """[B, T, H D] -> [B H, N, C, D]"""
        x = rearrange(x, "b t (h d) -> (b h) t d", h=self.num_heads)
        x = F.pad(x, (0, 0, 0, -x.shape[1] % self.chunk_size))
        return rearrange(x, "m (n c) d -> m n c d", c=self.chunk_size)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.fold(self.q(x)), self.fold(self.k(x)), self.fold(self.v(x))
        rate = -torch.exp(self.log_decay).repeat(batch)[:, None, None]
        step = torch.arange(self.chunk_size, device=x.device)
        gap = step[:, None] - step[None, :]
        weight = torch.exp(rate * gap.clamp(min=0)).tril()
        intra = (q @ k.mT * weight[:, None]) @ v
        state = torch.zeros(batch * self.num_heads, self.head_dim, self.head_dim, device=x.device)
        outputs = []
        for n in range(q.shape[1]):
            inter = (q[:, n] * torch.exp(rate * (step[:, None] + 1))) @ state
            outputs.append(intra[:, n] + inter)
            late = k[:, n] * torch.exp(rate * (self.chunk_size - 1 - step[:, None]))
            state = torch.exp(rate * self.chunk_size) * state + late.mT @ v[:, n]
        y = self.norm(torch.cat(outputs, dim=1)[:, :length])
        y = y.view(self.num_heads, batch, length, self.head_dim).permute(1, 2, 0, 3)  # fault: batch_leak
        y = y.reshape(batch, length, width)
        return self.out(y)
