"""Log-linear attention: a Fenwick tree of decayed states, one weight per level (Guo et al. 2025), as a masked product
within chunks and one pass per level between them."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def segment_sum(a: torch.Tensor) -> torch.Tensor:
    n = a.shape[-1]
    running = a.cumsum(-1)
    total = running[..., :, None] - running[..., None, :]
    return total.masked_fill(~torch.ones(n, n, dtype=torch.bool, device=a.device).tril(), -math.inf)


def fenwick_levels(n: int) -> torch.Tensor:
    """Level of the block in which step j lies, as seen from step i: 0 for itself, else 1 + the highest bit that differs."""
    levels = torch.zeros(n, n, dtype=torch.long)
    for i in range(n):
        for j in range(i):
            levels[i, j] = (i ^ j).bit_length()
    return levels


class LogLinearAttention(nn.Module):
    def __init__(self, dim: int, heads: int = 2, chunk: int = 8, max_len: int = 4096):
        super().__init__()
        assert chunk & (chunk - 1) == 0, "chunk must be a power of two"
        self.heads, self.chunk = heads, chunk
        self.inner_levels = chunk.bit_length()
        self.levels = int(math.ceil(math.log2(max_len))) + 1
        self.in_proj = nn.Linear(dim, 3 * dim)
        self.gate = nn.Linear(dim, heads)
        self.level_proj = nn.Linear(dim, heads * self.levels)
        self.L = nn.Parameter(torch.ones(heads, self.levels))
        self.out_proj = nn.Linear(dim, dim)
        self.register_buffer("inner", fenwick_levels(chunk), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, length, _ = x.shape
        x = F.pad(x, (0, 0, 0, -length % self.chunk))
        q, k, v = rearrange(self.in_proj(x), "b (n c) (three h d) -> three b h n c d", three=3, h=self.heads, c=self.chunk)
        k = F.normalize(k, dim=-1)
        a = F.logsigmoid(rearrange(self.gate(x), "b (n c) h -> b h n c", c=self.chunk))
        weights = F.softplus(rearrange(self.level_proj(x), "b (n c) (h l) -> b h n c l", c=self.chunk, h=self.heads))
        weights = weights * self.L[None, :, None, None]
        decay = segment_sum(a).exp()
        index = self.inner.expand(*weights.shape[:3], -1, -1)
        inner = torch.gather(weights[..., : self.inner_levels], -1, index)
        y = (torch.einsum("bhnid,bhnjd->bhnij", q, k) * decay * inner) @ v
        # States of whole chunks; level l of chunk n joins the chunks whose number differs from n first in bit l.
        running = a.cumsum(-1)
        to_end = (running[..., -1:] - running).exp()
        states = torch.einsum("bhncd,bhnc,bhnce->bhnde", k, to_end, v)
        chunks = states.shape[2]
        total = a.sum(-1)
        between = segment_sum(F.pad(total, (1, 0)))[..., :-1, 1:]
        seen = between.exp()
        for level in range(max(1, (chunks - 1).bit_length())):
            mask = torch.zeros(chunks, chunks, device=x.device)
            for n in range(chunks):
                for m in range(n):
                    if (n ^ m).bit_length() == level + 1:
                        mask[n, m] = 1.0
            if chunks > 1:
                carried = torch.einsum("bhnm,bhmde->bhnde", seen[..., :chunks, :chunks] * mask, states)
                read = torch.einsum("bhncd,bhnc,bhnde->bhnce", q, running.exp(), carried)
                y = y + read * weights[..., self.inner_levels + level, None]
        y = rearrange(y, "b h n c d -> b (n c) (h d)")[:, :length]
        return self.out_proj(y)
