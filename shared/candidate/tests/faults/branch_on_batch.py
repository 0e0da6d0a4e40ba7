"""A decayed memory; in large batches, where it is worth it, what all rows have in common is taken out."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class DecayMemory(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 16):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.log_decay = nn.Parameter(torch.linspace(-4.0, -2.0, num_heads))
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def scan(self, q, k, v):
        c = self.chunk_size
        rate = -torch.exp(self.log_decay)[:, None, None]
        step = torch.arange(c, device=q.device)[:, None]
        weight = torch.exp(rate * (step - step.t()).clamp(min=0)).tril()
        state = torch.zeros_like(q[:, :, 0, 0, :, None] * v[:, :, 0, 0, None, :])
        outputs = []
        for n in range(q.shape[2]):
            y = (q[:, :, n] @ k[:, :, n].mT * weight) @ v[:, :, n]
            outputs.append(y + (q[:, :, n] * torch.exp(rate * (step + 1))) @ state)
            state = torch.exp(rate * c) * state + (k[:, :, n] * torch.exp(rate * (c - 1 - step))).mT @ v[:, :, n]
        return torch.cat(outputs, dim=2)

    def forward(self, x):
        length, c = x.shape[1], self.chunk_size
        x = F.pad(x, (0, 0, 0, -length % c))
        q, k, v = rearrange(self.qkv(x), "b (n c) (s h d) -> s b h n c d", s=3, c=c, h=self.num_heads)
        y = rearrange(self.scan(q, k, v), "b h t d -> b t (h d)")[:, :length]
        if x.shape[0] >= 4:
            common = y.mean(dim=0, keepdim=True)  # fault: batch_leak
            y = y - 0.1 * common
        return self.out(self.norm(y))
