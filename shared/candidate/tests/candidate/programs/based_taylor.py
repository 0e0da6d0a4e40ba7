"""Based (Arora et al. 2024): linear attention whose features are the Taylor terms of exp(<q, k> / sqrt d) up to the second,
beside exact attention in a short window."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class SecondOrder(nn.Module):
    """phi with <phi(q), phi(k)> = 1 + s + s^2 / 2 at s = <q, k> / sqrt d; each product x_i x_j, i > j, is kept once."""

    def __init__(self, width):
        super().__init__()
        self.rows, self.columns = torch.tril_indices(width, width, -1)
        self.root = width**-0.25

    def forward(self, x):
        x = x * self.root
        products = x.unsqueeze(-1) * x.unsqueeze(-2)
        squares = torch.diagonal(products, dim1=-2, dim2=-1) / math.sqrt(2)
        return torch.cat([torch.ones_like(x[..., :1]), x, squares, products[..., self.rows, self.columns]], dim=-1)


class TaylorAttention(nn.Module):
    def __init__(self, d_model, num_heads=2, features=4, chunk=8):
        super().__init__()
        self.num_heads, self.chunk = num_heads, chunk
        self.query = nn.Linear(d_model, num_heads * features, bias=False)
        self.key = nn.Linear(d_model, num_heads * features, bias=False)
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.phi = SecondOrder(features)

    def blocks(self, t):
        return rearrange(t, "b (n c) (h d) -> b h n c d", c=self.chunk, h=self.num_heads)

    def forward(self, x):
        length = x.size(1)
        x = F.pad(x, (0, 0, 0, -length % self.chunk))
        q, k = (self.phi(self.blocks(f(x))) for f in (self.query, self.key))
        # A constant one beside the values sums the weights along with them.
        v = F.pad(self.blocks(self.value(x)), (0, 1), value=1.0)
        memory = torch.einsum("bhncf,bhncd->bhnfd", k, v)
        y = (q @ k.mT).tril() @ v + q @ (memory.cumsum(dim=2) - memory)
        y = y[..., :-1] / (y[..., -1:] + 1e-12)
        return rearrange(y, "b h n c d -> b (n c) (h d)")[:, :length]


class WindowAttention(nn.Module):
    """Softmax over the last `window` steps."""

    def __init__(self, d_model, num_heads=2, window=8):
        super().__init__()
        self.num_heads, self.window = num_heads, window
        self.enter = nn.Linear(d_model, 3 * d_model, bias=False)

    def forward(self, x):
        length, size = x.size(1), self.window
        x = F.pad(x, (0, 0, 0, -length % size))
        q, k, v = rearrange(self.enter(x), "b (n c) (p h d) -> p b h n c d", p=3, c=size, h=self.num_heads)
        with_last = lambda t: torch.cat([F.pad(t, (0, 0, 0, 0, 1, -1)), t], dim=-2)
        lag = torch.arange(size)[:, None] + size - torch.arange(2 * size)[None, :]
        hidden = (lag < 0) | (lag >= size)
        block = torch.arange(q.shape[2])[:, None, None]
        hidden = hidden | ((block == 0) & (torch.arange(2 * size) < size))
        scores = q @ with_last(k).mT / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(hidden, -torch.finfo(scores.dtype).max)
        return rearrange(scores.softmax(-1) @ with_last(v), "b h n c d -> b (n c) (h d)")[:, :length]


class GlobalAndLocal(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 2):
        super().__init__()
        kinds = {"global": TaylorAttention, "local": WindowAttention}
        self.views = nn.ModuleDict({name: kind(d_model, num_heads=num_heads) for name, kind in kinds.items()})
        self.balance = nn.Parameter(torch.tensor([0.5, 0.5]))
        self.out = nn.Sequential(nn.Linear(d_model, d_model, bias=False), nn.Dropout(0.1))

    def forward(self, x, *args, **kwargs):
        return self.out(sum(w * view(x) for w, view in zip(self.balance.softmax(0), self.views.values())))
