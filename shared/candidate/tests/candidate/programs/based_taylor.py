"""Based: second-order Taylor features in a global branch, a small sliding window beside it (Arora et al. 2024)."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class TaylorExp(nn.Module):
    def __init__(self, input_dim, head_dim_idx=-1, temp=None, eps=1e-12):
        super().__init__()
        self.input_dim = input_dim
        self.head_dim_idx = head_dim_idx
        self.temp = 1.0 if temp is None else temp
        self.eps = eps
        self.r2 = math.sqrt(2)
        self.rd = math.sqrt(self.input_dim)
        self.rrd = math.sqrt(self.rd)
        self.tril_indices = torch.tril_indices(self.input_dim, self.input_dim, -1)

    def forward(self, x):
        x2 = (x.unsqueeze(-1) * x.unsqueeze(-2)).flatten(start_dim=-2) / self.r2
        return torch.cat([torch.ones(x[..., :1].shape).to(x.device), x / self.rrd, x2 / self.rd], dim=self.head_dim_idx)

    def forward_compact(self, x):
        outer = torch.einsum("...i,...j->...ij", x, x)
        lower = outer[..., self.tril_indices[0], self.tril_indices[1]]
        diag = torch.diagonal(outer, dim1=-2, dim2=-1) / self.r2
        return torch.cat([x[..., :1] ** 0, x / self.rrd, lower / self.rd, diag / self.rd], dim=-1)


class LinearAttention(nn.Module):
    def __init__(self, d_model, feature_dim=4, num_heads=2, chunk=8, compact=True):
        super().__init__()
        self.h, self.f, self.chunk, self.compact = num_heads, feature_dim, chunk, compact
        self.proj_q = nn.Linear(d_model, feature_dim * num_heads, bias=False)
        self.proj_k = nn.Linear(d_model, feature_dim * num_heads, bias=False)
        self.proj_v = nn.Linear(d_model, d_model, bias=False)
        self.feature_map = TaylorExp(feature_dim)
        self.eps = 1e-12

    def forward(self, x):
        b, l, d = x.size()
        pad = -l % self.chunk
        q, k, v = self.proj_q(x), self.proj_k(x), self.proj_v(x)
        q = q.view(b, l, self.h, self.f).transpose(1, 2)
        k = k.view(b, l, self.h, self.f).transpose(1, 2)
        v = v.view(b, l, self.h, d // self.h).transpose(1, 2)
        phi = self.feature_map.forward_compact if self.compact else self.feature_map
        q, k = phi(q), phi(k)
        z = 1 / (torch.einsum("bhld,bhld->bhl", q, k.cumsum(2)) + self.eps)
        q, k, v = (F.pad(t, (0, 0, 0, pad)).unflatten(2, (-1, self.chunk)) for t in (q, k, v))
        mask = torch.tril(q.new_ones(self.chunk, self.chunk))
        inner = torch.einsum("bhnid,bhnjd,ij->bhnij", q, k, mask) @ v
        kv = torch.einsum("bhnjd,bhnje->bhnde", k, v).cumsum(2)
        kv = torch.cat((torch.zeros_like(kv[:, :, :1]), kv[:, :, :-1]), dim=2)
        y = (inner + q @ kv).flatten(2, 3)[:, :, :l]
        y = y * z[..., None]
        return rearrange(y, "b h l d -> b l (h d)")


class SlidingWindow(nn.Module):
    def __init__(self, d_model, num_heads=2, window_size=8):
        super().__init__()
        self.num_heads, self.window = num_heads, window_size
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)

    def forward(self, x):
        b, l, _ = x.shape
        w = self.window
        q, k, v = rearrange(self.qkv(x), "b l (three h d) -> three b h l d", three=3, h=self.num_heads)
        q = q * q.shape[-1] ** -0.5
        pad = -l % w
        q, k, v = (F.pad(t, (0, 0, 0, pad)) for t in (q, k, v))
        q, k, v = (rearrange(t, "b h (n w) d -> b h n w d", w=w) for t in (q, k, v))
        back = lambda t, value=0.0: torch.cat([F.pad(t, (0, 0, 0, 0, 1, 0), value=value)[:, :, :-1], t], dim=3)
        k2, v2 = back(k), back(v)
        scores = torch.einsum("bhnid,bhnjd->bhnij", q, k2)
        i = torch.arange(w)[:, None] + w
        j = torch.arange(2 * w)[None, :]
        allowed = (j <= i) & (j > i - w)
        first = torch.arange(scores.shape[2])[:, None, None] == 0
        allowed = allowed[None] & ~(first & (j < w)[None])
        scores = scores.masked_fill(~allowed, -torch.finfo(scores.dtype).max)
        y = torch.einsum("bhnij,bhnjd->bhnid", scores.softmax(-1), v2)
        return rearrange(y, "b h n w d -> b (n w) (h d)")[:, :l]


class Based(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 2):
        super().__init__()
        self.branches = nn.ModuleDict(
            {"global": LinearAttention(d_model, num_heads=num_heads), "local": SlidingWindow(d_model, num_heads=num_heads)}
        )
        self.mix = nn.Parameter(torch.tensor([0.5, 0.5]))
        self.out_proj = nn.Linear(d_model, d_model, bias=False)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x, *args, **kwargs):
        weights = self.mix.softmax(0)
        y = sum(w * branch(x) for w, branch in zip(weights, self.branches.values()))
        return self.dropout(self.out_proj(y))
