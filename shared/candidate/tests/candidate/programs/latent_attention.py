"""Multi-head latent attention (DeepSeek-V2, 2024) in a sliding window: queries, and keys with values, pass through
narrow latents; positions turn a separate part of queries and keys, the keys' part common to all heads."""

from dataclasses import dataclass
from typing import Literal, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass
class LatentConfig:
    d_model: int = 64
    num_heads: int = 4
    query_latent: int = 12
    memory_latent: int = 8
    content: int = 4
    turning: int = 4
    value: int = 4
    horizon: int = 2048
    window: int = 16
    theta: float = 10000.0
    compress: Literal["both", "memory"] = "both"


def rotations(config: LatentConfig) -> Tensor:
    """exp(i t theta^(-2j/n)) for position t and pair j, as complex numbers [horizon, n / 2]."""
    speed = config.theta ** (-torch.arange(0, config.turning, 2).float() / config.turning)
    angle = torch.arange(config.horizon).float()[:, None] * speed
    return torch.polar(torch.ones_like(angle), angle)


def turn(x: Tensor, by: Tensor) -> Tensor:
    """Multiply neighbouring pairs of [B, T, H, n], read as complex numbers, by those of [T, n / 2]."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * by[:, None]).flatten(-2).to(x.dtype)


class Latent(nn.Module):
    """Down to a narrow vector of unit mean square, and up again."""

    def __init__(self, source: int, width: int, target: int):
        super().__init__()
        self.down = nn.Linear(source, width, bias=False)
        self.gain = nn.Parameter(torch.ones(width))
        self.up = nn.Linear(width, target, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(F.rms_norm(self.down(x), self.gain.shape, self.gain, 1e-6))


class WindowedLatentAttention(nn.Module):
    def __init__(self, config: LatentConfig):
        super().__init__()
        self.config = config
        c, heads = config, config.num_heads
        asked = heads * (c.content + c.turning)
        if c.compress == "both":
            self.query = Latent(c.d_model, c.query_latent, asked)
        else:
            self.query = nn.Linear(c.d_model, asked, bias=False)
        self.memory = Latent(c.d_model, c.memory_latent, heads * (c.content + c.value))
        self.where = nn.Linear(c.d_model, c.turning, bias=False)
        self.out = nn.Linear(heads * c.value, c.d_model, bias=False)
        self.register_buffer("rotations", rotations(config), persistent=False)

    @property
    def temperature(self) -> float:
        return (self.config.content + self.config.turning) ** -0.5

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Each query sees the last `window` steps: those of its own block and of the block before."""
        size, steps = self.config.window, q.size(1)
        blocks = lambda t: F.pad(t, (0, 0, 0, 0, 0, -steps % size)).unflatten(1, (-1, size)).transpose(2, 3)
        pair = lambda t: torch.cat([F.pad(t, (0, 0, 0, 0, 0, 0, 1, 0))[:, :-1], t], dim=3)
        q, k, v = blocks(q), pair(blocks(k)), pair(blocks(v))
        back = torch.arange(size)[:, None] + size - torch.arange(2 * size)
        seen = ((back >= 0) & (back < size)).expand(q.size(1), -1, -1).clone()
        seen[0, :, :size] = False
        bias = torch.where(seen, 0.0, float("-inf"))
        weights = (q @ k.mT * self.temperature + bias[:, None]).softmax(dim=-1, dtype=torch.float32).type_as(v)
        return (weights @ v).transpose(2, 3).flatten(1, 2)[:, :steps]

    def forward(self, x: Tensor, offset: int = 0, mask: Optional[Tensor] = None) -> Tensor:
        c = self.config
        if mask is not None:
            raise NotImplementedError("padding is not part of this layer")
        by = self.rotations[offset : offset + x.size(1)]
        q_content, q_turning = self.query(x).unflatten(-1, (c.num_heads, -1)).split([c.content, c.turning], dim=-1)
        k_content, v = self.memory(x).unflatten(-1, (c.num_heads, -1)).split([c.content, c.value], dim=-1)
        k_turning = turn(self.where(x).unsqueeze(2), by).expand(-1, -1, c.num_heads, -1)
        q = torch.cat([q_content, turn(q_turning, by)], dim=-1)
        k = torch.cat([k_content, k_turning], dim=-1)
        return self.out(self.attend(q, k, v).flatten(2))
