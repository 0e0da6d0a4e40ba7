"""Chunked decay memory whose sharpness follows a schedule that is kept as a buffer and set from outside."""

import warnings
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class MemoryConfig:
    d_model: int = 64
    num_heads: int = 4
    chunk: int = 16
    warmup: float = 1000.0
    use_bias: bool = False


class TokenShift(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.shift = nn.ZeroPad1d((1, -1))
        self.mix = nn.Parameter(torch.linspace(0, 1, dim))

    def forward(self, x: Tensor) -> Tensor:
        previous = F.pad(x, (0, 0, 1, -1))
        return torch.lerp(x, previous, self.mix)


class DecayMemory(nn.Module):
    def __init__(self, config: MemoryConfig):
        super().__init__()
        c = config
        self.chunk, self.heads = c.chunk, c.num_heads
        self.dim = c.d_model // c.num_heads
        self.proj = nn.ModuleList([nn.Linear(c.d_model, c.d_model, bias=c.use_bias) for _ in "rkv"])
        self.decay = nn.Parameter(torch.linspace(-6.0, -1.0, self.heads)[:, None] + torch.zeros(self.heads, self.dim))
        self.first = nn.Parameter(torch.zeros(self.heads, self.dim))

    def _split(self, x: Tensor) -> Tensor:
        b, t, _ = x.size()
        return x.view(b, t // self.chunk, self.chunk, self.heads, self.dim).permute(0, 3, 1, 2, 4)

    def forward(self, x: Tensor, sharpness: Union[Tensor, float] = 1.0) -> Tensor:
        b, t, d = x.shape
        x = F.pad(x, (0, 0, 0, (-t) % self.chunk))
        r, k, v = [self._split(p(x)) for p in self.proj]
        w = -torch.exp(self.decay) * sharpness
        steps = torch.arange(self.chunk, dtype=x.dtype, device=x.device)
        before = torch.exp(w[:, None] * steps[None, :, None])[:, None]
        after = torch.exp(w[:, None] * (self.chunk - 1 - steps)[None, :, None])[:, None]
        gap = (steps[:, None] - steps[None, :] - 1).clamp(min=0)
        within = torch.exp(w[:, None, None, :] * gap[None, :, :, None])
        mask = torch.ones_like(gap).tril(-1)
        scores = torch.einsum("bhnid,hijd,bhnjd->bhnij", r, within, k) * mask
        scores = scores + torch.diag_embed((r * torch.exp(self.first)[:, None, None] * k).sum(-1))
        y = scores @ v
        state = x.new_zeros(b, self.heads, self.dim, self.dim)
        outs = []
        for n in range(r.size(2)):
            outs += [y[:, :, n] + (r[:, :, n] * before[:, 0]) @ state]
            state = torch.exp(w * self.chunk)[..., None] * state + (k[:, :, n] * after[:, 0]).mT @ v[:, :, n]
        return torch.stack(outs, 1).permute(0, 1, 3, 2, 4).reshape(b, -1, d)[:, :t]


class AnnealedMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, **kwargs: Any):
        super().__init__()
        legacy = kwargs.pop("legacy", None)
        if legacy is not None:
            warnings.warn("'legacy' has no effect", DeprecationWarning)
        options = {"chunk": 16, "use_bias": True}
        options.update({k: v for k, v in kwargs.items() if k in ("chunk", "use_bias")})
        self.config = MemoryConfig(d_model=d_model, num_heads=num_heads, **options)
        self.shift = TokenShift(d_model)
        self.memory = DecayMemory(self.config)
        self.gate = nn.Linear(d_model, d_model)
        self.norm = nn.GroupNorm(num_heads, d_model)
        self.out = nn.Linear(d_model, d_model, bias=False)
        self.register_buffer("step", torch.zeros((), dtype=torch.long), persistent=False)

    def forward(self, x: Tensor, state: Optional[Tensor] = None) -> Tensor:
        x = self.shift(x)
        sharpness = 1.0 + torch.exp(-self.step.float() / self.config.warmup)
        y = self.memory(x, sharpness=sharpness)
        y = self.norm(y.reshape(-1, y.shape[-1])).view_as(x)
        return self.out(y * F.silu(self.gate(x)))
