"""Retention (Sun et al. 2023): o_t = sum over s <= t of gamma^(t-s) <q_t, k_s> v_s with a decay per head, positions as
rotations of queries and keys; each chunk is computed in parallel, a state carries the past from chunk to chunk."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


def rotate(x: Tensor, angle: Tensor) -> Tensor:
    """Turn the pairs (x_{2j}, x_{2j+1}) of [B, H, T, D] by the angles [T, D / 2]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = angle.cos(), angle.sin()
    return torch.stack((even * cos - odd * sin, odd * cos + even * sin), dim=-1).flatten(-2)


class Decays(nn.Module):
    """Powers of gamma = 1 - 2^(-5-h): between steps of a chunk, since its start and until its end."""

    def __init__(self, heads: int, chunk: int):
        super().__init__()
        gamma = 1 - torch.exp2(-5.0 - torch.arange(heads))
        self.register_buffer("log_gamma", gamma.log().view(heads, 1, 1))
        self.chunk = chunk

    def forward(self) -> Dict[str, Tensor]:
        step = torch.arange(self.chunk).to(self.log_gamma)
        lag = step[:, None] - step[None, :]
        lag = lag.masked_fill(lag < 0, float("inf"))
        return {
            "within": torch.nan_to_num(torch.exp(self.log_gamma * lag)),
            "entered": torch.exp(self.log_gamma * (step[:, None] + 1)),
            "leaving": torch.exp(self.log_gamma * (self.chunk - 1 - step[:, None])),
            "whole": torch.exp(self.log_gamma * self.chunk),
        }

    def extra_repr(self) -> str:
        return f"chunk={self.chunk}, heads={len(self.log_gamma)}"


class HeadNorm(nn.Module):
    """Unit root mean square of every head; the gain is optional."""

    def __init__(self, width: int, eps: float = 1e-6, gain: bool = False):
        super().__init__()
        self.eps = eps
        if gain:
            self.gain = nn.Parameter(torch.ones(width))
        else:
            self.register_parameter("gain", None)

    def forward(self, x: Tensor) -> Tensor:
        y = (x.float() / (x.float().square().mean(dim=-1, keepdim=True) + self.eps).sqrt()).type_as(x)
        return y if self.gain is None else y * self.gain


class Retention(nn.Module):
    def __init__(self, embed_dim: int, num_heads: int = 4, chunk: int = 16, gate: str = "silu", **unused):
        super().__init__()
        if embed_dim % num_heads != 0:
            raise ValueError(f"{embed_dim} channels do not divide into {num_heads} heads")
        self.num_heads, self.width, self.chunk = num_heads, embed_dim // num_heads, chunk
        self.query = nn.Linear(embed_dim, embed_dim, bias=False)
        self.key = nn.Linear(embed_dim, embed_dim, bias=False)
        self.value = nn.Linear(embed_dim, embed_dim, bias=False)
        self.open = nn.Linear(embed_dim, embed_dim, bias=False)
        self.close = nn.Linear(embed_dim, embed_dim, bias=False)
        self.decays = Decays(num_heads, chunk)
        self.norm = HeadNorm(self.width)
        self.register_buffer("speed", 10000.0 ** -torch.linspace(0, 1, self.width // 2))
        match gate:
            case "silu" | "swish":
                self.activation = F.silu
            case "gelu":
                self.activation = F.gelu
            case _:
                raise NotImplementedError(gate)
        for linear in (self.query, self.key, self.value, self.open):
            nn.init.xavier_uniform_(linear.weight, gain=2**-2.5)
        nn.init.xavier_uniform_(self.close.weight)

    def retain(self, q: Tensor, k: Tensor, v: Tensor, state: Tensor) -> Tuple[Tensor, Tensor]:
        decay = self.decays()
        outputs = []
        for q_c, k_c, v_c in zip(*(t.split(self.chunk, dim=2) for t in (q, k, v))):
            inside = (q_c @ k_c.mT * decay["within"]) @ v_c
            outputs.append(inside + (q_c * decay["entered"]) @ state)
            state = state * decay["whole"] + (k_c * decay["leaving"]).mT @ v_c
        return torch.cat(outputs, dim=2), state

    def forward(self, x: Tensor, attention_mask: Optional[Tensor] = None, state: Optional[Tensor] = None) -> Tensor:
        steps = x.size(1)
        if attention_mask is not None:
            x = x * attention_mask.unsqueeze(-1).to(x.dtype)
        x = F.pad(x, (0, 0, 0, -steps % self.chunk))
        q, k, v = (f(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        k *= self.width**-0.5
        angle = torch.outer(torch.arange(x.size(1)).to(self.speed), self.speed)
        if state is None:
            state = x.new_zeros(x.size(0), self.num_heads, self.width, self.width)
        y, _ = self.retain(rotate(q, angle), rotate(k, angle), v, state)
        y = self.norm(y).transpose(1, 2).flatten(2)
        return self.close(self.activation(self.open(x)) * y)[:, :steps]
