"""A memory trained while it reads (Titans, Behrouz et al. 2024): per head a matrix M that should give v for k. Gradients
of |k M - v|^2 / 2 at the initial M, summed over each chunk, gain momentum and M forgets; a chunk reads what was known
before it."""

from __future__ import annotations

from collections import namedtuple
from functools import partial
from math import ceil

import torch
from torch import nn, Tensor
import torch.nn.functional as F
from torch.nn import Linear, Module, Parameter, Sequential

from einops import einsum, pack, rearrange, reduce, repeat, unpack
from einops.layers.torch import Rearrange

Plain = partial(Linear, bias=False)

Known = namedtuple("Known", ["steps", "memory"])


def delayed(t: Tensor, steps: int, dim: int = 1) -> Tensor:
    """Later by `steps` along a dimension; zeros come first."""
    others = (0, 0) * (t.ndim - 1 - dim)
    return F.pad(t, (*others, steps, -steps))


def recur(keep: Tensor, put: Tensor) -> Tensor:
    """h_t = keep_t h_{t-1} + put_t, in log2 n rounds: each doubles the steps that a term spans."""
    span = 1
    while span < put.shape[1]:
        put, keep = put + keep * delayed(put, span), keep * delayed(keep, span)
        span *= 2
    return put


class ChunkGate(Module):
    """A number in (0, 1) per head and chunk, read from the chunk's mean."""

    def __init__(self, width: int, heads: int, chunk: int):
        super().__init__()
        self.chunk = chunk
        self.read = Sequential(Linear(width, heads), nn.Sigmoid(), Rearrange("b n h -> (b h) n 1"))

    def forward(self, x: Tensor) -> Tensor:
        return self.read(reduce(x, "b (n c) d -> b n d", "mean", c=self.chunk))


class HeadNorm(Module):
    def __init__(self, heads: int, width: int):
        super().__init__()
        self.norm = nn.RMSNorm(width, elementwise_affine=False)
        self.excess = Parameter(torch.zeros(heads, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.norm(x), self.norm(x), self.excess)


class SurpriseMemory(Module):
    def __init__(self, dim, heads=2, chunk=8, fastest=0.1, activation: Module | None = None, momentum=True):
        super().__init__()
        assert dim % heads == 0, "heads of equal width"
        width = dim // heads
        self.heads, self.chunk = heads, chunk
        self.before_write, self.before_read = nn.RMSNorm(dim), nn.RMSNorm(dim)
        self.split = Rearrange("b t (h d) -> b h t d", h=heads)
        self.query = Sequential(Plain(dim, dim), nn.SiLU() if activation is None else activation, self.split)
        self.pair = Plain(dim, 2 * dim)
        self.rate = Sequential(Linear(dim, heads), Rearrange("b t h -> b h t"))
        self.bounded = lambda t: fastest * t.sigmoid()
        self.forget = ChunkGate(dim, heads, chunk)
        self.carry = ChunkGate(dim, heads, chunk) if momentum else None
        self.memory = Parameter(torch.randn(heads, width, width) * width**-0.5)
        self.after_read = Sequential(HeadNorm(heads, width), Rearrange("b h t d -> b t (h d)"), Plain(dim, dim))

    def surprise(self, x: Tensor) -> Tensor:
        """Downhill, for every chunk: [(b h), n, d, d]."""
        k, v = map(self.split, self.pair(x).chunk(2, dim=-1))
        k = F.normalize(k, dim=-1)
        missed = v - einsum(k, self.memory, "b h t i, h i j -> b h t j")
        missed = missed * self.bounded(self.rate(x)).unsqueeze(-1)
        chunks = (rearrange(t, "b h (n c) d -> (b h) n c d", c=self.chunk) for t in (k, missed))
        return einsum(*chunks, "b n c i, b n c j -> b n i j")

    def write(self, x: Tensor) -> Tensor:
        """The memory before each chunk and after the last."""
        flat, shape = pack([self.surprise(x)], "b n *")
        if self.carry is not None:
            flat = recur(self.carry(x), flat)
        (learned,) = unpack(recur(1 - self.forget(x), flat), shape, "b n *")
        start = repeat(self.memory, "h i j -> (b h) 1 i j", b=x.shape[0])
        return start + F.pad(learned, (0, 0, 0, 0, 1, 0))

    def read(self, x: Tensor, memory: Tensor) -> Tensor:
        q = rearrange(self.query(x), "b h (n c) d -> (b h) n c d", c=self.chunk)
        found = q @ memory[:, : q.shape[1]]
        return self.after_read(rearrange(found, "(b h) n c d -> b h (n c) d", h=self.heads))

    def forward(self, seq: Tensor, source: Tensor | None = None, known: Known | None = None):
        steps = seq.shape[-2]
        room = ceil(steps / self.chunk) * self.chunk - steps
        seq, source = (F.pad(t, (0, 0, 0, room)) for t in (seq, seq if source is None else source))
        passed, *_ = known or Known(0, None)
        memory = self.write(self.before_write(source))
        return self.read(self.before_read(seq), memory)[:, :steps], Known(passed + steps, memory[:, -1])
