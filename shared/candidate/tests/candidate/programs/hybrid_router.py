"""A router over three experts (a filter, a decayed memory, a window), top-2 with straight-through weights and a floor."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from enum import Enum
from typing import Callable, ClassVar, Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F


class Kind(Enum):
    FILTER = "filter"
    MEMORY = "memory"
    WINDOW = "window"


class Expert(nn.Module, ABC):
    registry: ClassVar[dict] = {}

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.dim, self.heads, self.head_dim = dim, heads, dim // heads

    @abstractmethod
    def mix(self, x: torch.Tensor) -> torch.Tensor: ...

    def forward(self, x):
        return self.mix(x)


class FilterExpert(Expert):
    def __init__(self, dim, heads, taps: Sequence[int] = (3, 7)):
        super().__init__(dim, heads)
        self.filters = nn.ParameterList(nn.Parameter(torch.randn(dim, 1, k) / k) for k in taps)

    def mix(self, x):
        y = x.transpose(1, 2)
        total = sum(F.conv1d(F.pad(y, (w.shape[-1] - 1, 0)), w, groups=self.dim) for w in self.filters)
        return (total / len(self.filters)).transpose(1, 2)


class MemoryExpert(Expert):
    def __init__(self, dim, heads, chunk: int = 16):
        super().__init__(dim, heads)
        self.chunk = chunk
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.decay = nn.Parameter(torch.linspace(1.0, 4.0, heads))

    def mix(self, x):
        b, t, _ = x.shape
        c = self.chunk
        q, k, v = F.pad(self.qkv(x), (0, 0, 0, -t % c)).view(b, -1, c, 3, self.heads, self.head_dim).permute(3, 0, 4, 1, 2, 5)
        k = k.softmax(-1)
        g = F.logsigmoid(self.decay)[:, None]
        i = torch.arange(c, device=x.device)
        mask = torch.where(i[:, None] >= i[None], torch.exp(g[..., None] * (i[:, None] - i[None])), 0.0)
        inner = torch.einsum("bhnid,bhnjd,hij,bhnje->bhnie", q, k, mask, v)
        write = torch.einsum("bhnjd,hj,bhnje->nbhde", k, torch.exp(g * (c - 1 - i)), v)
        state, states = torch.zeros_like(write[0]), []
        for update in write:
            states += [state]
            state = state * torch.exp(g * c)[None, ..., None] + update
        read = torch.einsum("bhnid,hi,nbhde->bhnie", q, torch.exp(g * (i + 1)), torch.stack(states))
        return (inner + read).permute(0, 2, 3, 1, 4).reshape(b, -1, self.dim)[:, :t]


class WindowExpert(Expert):
    def __init__(self, dim, heads, window: int = 8):
        super().__init__(dim, heads)
        self.window = window
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)

    def mix(self, x):
        b, t, _ = x.shape
        w = self.window
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).unbind(2)
        spans = [F.pad(s, (0, 0, 0, 0, w - 1, 0)).unfold(1, w, 1) for s in (k, v)]
        scores = torch.einsum("bthd,bthdw->bthw", q, spans[0]) / math.sqrt(self.head_dim)
        place = torch.arange(t, device=x.device)[:, None] + torch.arange(w, device=x.device) - (w - 1)
        scores = scores.masked_fill((place < 0)[None, :, None], torch.finfo(scores.dtype).min)
        return torch.einsum("bthw,bthdw->bthd", scores.softmax(-1), spans[1]).flatten(2)


EXPERTS: dict[Kind, Callable[..., Expert]] = {Kind.FILTER: FilterExpert, Kind.MEMORY: MemoryExpert, Kind.WINDOW: WindowExpert}


class HybridRouter(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 2, top_k: int = 2, floor: float = 0.02):
        super().__init__()
        self.top_k, self.floor = top_k, floor
        self.norm = nn.LayerNorm(d_model)
        self.experts = nn.ModuleDict({kind.value: make(d_model, num_heads) for kind, make in EXPERTS.items()})
        self.router = nn.Sequential(nn.Linear(2 * d_model, d_model), nn.GELU(), nn.Linear(d_model, len(self.experts)))
        self.log_temperature = nn.Parameter(torch.zeros(1))
        self.out = nn.Linear(d_model, d_model)

    def statistics(self, x):
        count = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)[None, :, None]
        return x.cumsum(1) / count

    def forward(self, x, return_aux: bool = False):
        h = self.norm(x)
        logits = self.router(torch.cat([h, self.statistics(h)], dim=-1)) / self.log_temperature.exp().clamp(0.25, 4.0)
        weights = logits.softmax(-1)
        chosen = weights.topk(self.top_k, dim=-1).indices
        hard = torch.zeros_like(weights).scatter_(-1, chosen, 1.0)
        kept = weights * hard
        kept = kept / kept.sum(-1, keepdim=True)
        weights = weights + (kept - weights).detach()
        weights = self.floor / weights.shape[-1] + (1 - self.floor) * weights
        y = torch.stack([expert(h) for expert in self.experts.values()], dim=-1)
        y = self.out(torch.einsum("btde,bte->btd", y, weights))
        return (y, {"load": weights.mean((0, 1))}) if return_aux else y
