"""Sequence mixer of 4 heads: delta rule + causal filter of 15 taps, mixed by a softmax router.

- queries, keys, values: one projection, then a causal convolution of 4 taps; SiLU on queries and keys, of unit length
- delta rule, S <- S (I - beta k k^T) + beta v k^T (Yang et al. 2024, arXiv:2406.06484)
- causal filter of 15 taps per channel on the values, at first the identity (ASI-Arch, arXiv:2507.18074)
- router: softmax over the paths per token and head, with a learned temperature per head and a floor of 5 %
- output: RMS norm per head
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

CHUNK = 32


def causal_filter(x, weight):
    """Depthwise causal convolution: x [B, T, C], weight [C, 1, K] -> [B, T, C]."""
    x = F.pad(x.transpose(1, 2), (weight.shape[-1] - 1, 0))
    return F.conv1d(x, weight, groups=weight.shape[0]).transpose(1, 2)


def split_chunks(x):
    """[B, H, T, D] -> [B, H, N, C, D]; the last chunk is filled up with zeros."""
    x = F.pad(x, (0, 0, 0, -x.shape[2] % CHUNK))
    return rearrange(x, "b h (n c) d -> b h n c d", c=CHUNK)


def merge_chunks(chunks, length):
    """N times [B, H, C, D] -> [B, H, T, D]."""
    return rearrange(torch.stack(chunks, dim=2), "b h n c d -> b h (n c) d")[:, :, :length]


def unit_lower_inverse(lower):
    """(I + lower)^-1 of strictly lower triangular [..., C, C], from blocks of size 1 up to C:
    the inverse of [[A, 0], [B, D]] is [[A^-1, 0], [-D^-1 B A^-1, D^-1]].
    """
    index = torch.arange(CHUNK, device=lower.device)
    inverse = torch.eye(CHUNK, device=lower.device, dtype=lower.dtype)
    size = 1
    while size < CHUNK:
        row, column = index[:, None] // size, index[None, :] // size
        corner = lower.masked_fill((row % 2 == 0) | (column != row - 1), 0.0)
        inverse = inverse - (corner if size == 1 else inverse @ corner @ inverse)
        size = 2 * size
    return inverse


def delta_rule(q, k, v, beta):
    """S <- S (I - beta k k^T) + beta v k^T, read by q; q, k, v: [B, H, T, D], beta: [B, H, T, 1]."""
    batch, heads, length, dim = q.shape
    q, k, v, beta = [split_chunks(x) for x in (q, k, v, beta)]
    scores = (q @ k.transpose(-1, -2)).tril()
    inverse = unit_lower_inverse((beta * k @ k.transpose(-1, -2)).tril(-1))
    values = inverse @ (beta * v)
    erased = inverse @ (beta * k)
    state = torch.zeros(batch, heads, dim, dim, device=q.device, dtype=q.dtype)
    outputs = []
    for i in range(q.shape[2]):
        written = values[:, :, i] - erased[:, :, i] @ state
        outputs.append(q[:, :, i] @ state + scores[:, :, i] @ written)
        state = state + k[:, :, i].transpose(-1, -2) @ written
    return merge_chunks(outputs, length)


class Mixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        num_heads = 4
        self.num_heads = num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.short_filter = nn.Parameter(torch.randn(3 * d_model, 1, 4) * 4**-0.5)
        self.beta = nn.Linear(d_model, num_heads)
        self.filter_15 = nn.Parameter(F.pad(torch.ones(d_model, 1, 1), (14, 0)))
        self.router = nn.Linear(d_model, 2 * num_heads)
        self.log_temperature = nn.Parameter(torch.zeros(num_heads, 1, 1))
        self.norm = nn.RMSNorm(d_model // num_heads, eps=1e-5)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def heads(self, x):
        return rearrange(x, "b t (h d) -> b h t d", h=self.num_heads)

    def forward(self, x):
        qkv = causal_filter(self.qkv(x), self.short_filter)
        q, k, v = qkv.chunk(3, dim=-1)
        q, k, v = F.silu(q), F.silu(k), F.silu(v)
        filtered_15 = self.heads(causal_filter(v, self.filter_15))
        q, k, v = self.heads(q), self.heads(k), self.heads(v)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        beta = torch.sigmoid(self.heads(self.beta(x)))
        delta = delta_rule(q, k, v, beta)
        weights = torch.softmax(self.heads(self.router(x)) / self.log_temperature.exp(), dim=-1)
        weights = 0.05 + 0.9 * weights
        mixed = weights[..., 0:1] * delta + weights[..., 1:2] * filtered_15
        mixed = self.norm(mixed)
        mixed = rearrange(mixed, "b h t d -> b t (h d)")
        return self.out(mixed)
