"""Sequence mixer of 4 heads: linear attention with fixed decay.

- queries, keys, values: one projection
- linear attention, S <- a S + v k^T (Katharopoulos et al. 2020, arXiv:2006.16236)
  with a fixed decay per head (RetNet, arXiv:2307.08621)
- output: RMS norm per head, SiLU gate
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

CHUNK = 32


def split_chunks(x):
    """[B, H, T, D] -> [B, H, N, C, D]; the last chunk is filled up with zeros."""
    x = F.pad(x, (0, 0, 0, -x.shape[2] % CHUNK))
    return rearrange(x, "b h (n c) d -> b h n c d", c=CHUNK)


def merge_chunks(chunks, length):
    """N times [B, H, C, D] -> [B, H, T, D]."""
    return rearrange(torch.stack(chunks, dim=2), "b h n c d -> b h (n c) d")[:, :, :length]


def linear_attention(q, k, v, log_decay):
    """S <- a S + v k^T, read by q; q, k, v: [B, H, T, D], log a: [B, H, T, 1]."""
    batch, heads, length, dim = q.shape
    q, k, v, log_decay = [split_chunks(x) for x in (q, k, v, log_decay)]
    total = log_decay.cumsum(dim=3)
    last = total[:, :, :, -1:]
    decay = (total - total.transpose(-1, -2)).tril().exp()
    scores = (q @ k.transpose(-1, -2) * decay).tril()
    q, k, last = q * total.exp(), k * (last - total).exp(), last.exp()
    local, written = scores @ v, k.transpose(-1, -2) @ v
    state = torch.zeros(batch, heads, dim, dim, device=q.device, dtype=q.dtype)
    outputs = []
    for i in range(q.shape[2]):
        outputs.append(q[:, :, i] @ state + local[:, :, i])
        state = state * last[:, :, i] + written[:, :, i]
    return merge_chunks(outputs, length)


class Mixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        num_heads = 4
        self.num_heads = num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.register_buffer("linear_log_decay", torch.log(1 - 2.0 ** (-5 - torch.arange(num_heads))))
        self.norm = nn.RMSNorm(d_model // num_heads, eps=1e-5)
        self.gate = nn.Linear(d_model, d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def heads(self, x):
        return rearrange(x, "b t (h d) -> b h t d", h=self.num_heads)

    def forward(self, x):
        qkv = self.qkv(x)
        q, k, v = qkv.chunk(3, dim=-1)
        q, k, v = self.heads(q), self.heads(k), self.heads(v)
        q = q * q.shape[-1] ** -0.5
        log_decay = self.linear_log_decay[:, None, None].expand(*q.shape[:3], 1)
        mixed = linear_attention(q, k, v, log_decay)
        mixed = self.norm(mixed)
        mixed = rearrange(mixed, "b h t d -> b t (h d)")
        mixed = mixed * F.silu(self.gate(x))
        return self.out(mixed)
