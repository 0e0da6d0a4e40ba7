"""Differential attention (Ye et al. 2024): softmax(q1 k1^T) - l softmax(q2 k2^T), with l learned, and a norm per head;
a score falls with distance at a slope per head (Press et al. 2021)."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def slopes(heads):
    """Geometric from 2^(-8 / n) for a power of two n; other numbers of heads take every second slope of 2 n besides."""

    def geometric(n):
        return [2 ** (-8 * (h + 1) / n) for h in range(n)]

    whole = 2 ** math.floor(math.log2(heads))
    return geometric(whole) if math.log2(heads).is_integer() else geometric(whole) + geometric(2 * whole)[::2][: heads - whole]


class Balance(nn.Module):
    """exp(a . b) - exp(c . d) + offset: how much of the second map is taken away."""

    def __init__(self, width, offset):
        super().__init__()
        self.offset = offset
        for name in "abcd":
            setattr(self, name, nn.Parameter(torch.zeros(width, dtype=torch.float32).normal_(mean=0, std=0.1)))

    def forward(self):
        return torch.exp((self.a * self.b).sum().float()) - torch.exp(torch.dot(self.c, self.d).float()) + self.offset


class TwoMapAttention(nn.Module):
    def __init__(self, embed_dim, num_heads=3, depth=1):
        super().__init__()
        self.num_heads = num_heads
        self.width = embed_dim // (2 * num_heads)
        self.read = nn.Linear(embed_dim, 6 * num_heads * self.width, bias=False)
        self.out = nn.Linear(2 * num_heads * self.width, embed_dim, bias=False)
        self.start = 0.8 - 0.6 * math.exp(-0.3 * depth)
        self.balance = Balance(self.width, self.start)
        self.norm = nn.RMSNorm(2 * self.width, eps=1e-5, elementwise_affine=True)
        self.register_buffer("slopes", torch.Tensor(slopes(num_heads)).view(num_heads, 1, 1))
        for module in self.children():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5))

    def forward(self, x, attn_mask=None):
        steps = x.size(1)
        q, k, v = self.read(x).chunk(3, dim=-1)
        q, k = (t.unflatten(-1, (2, self.num_heads, self.width)).permute(2, 0, 3, 1, 4) for t in (q, k))
        q = q * self.width**-0.5
        v = v.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
        time = torch.arange(steps)
        lag = (time[:, None] - time[None, :]).to(q)
        if attn_mask is None:
            attn_mask = torch.triu(torch.zeros([steps, steps]).fill_(float("-inf")).type_as(q), 1)
        scores = torch.nan_to_num(torch.matmul(q, k.mT) - self.slopes * lag, neginf=-1e9)
        scores += attn_mask
        first, second = F.softmax(scores, dim=-1, dtype=torch.float32).type_as(v)
        y = torch.matmul(first - self.balance().to(first) * second, v)
        return self.out((1 - self.start) * self.norm(y).transpose(1, 2).flatten(2))
