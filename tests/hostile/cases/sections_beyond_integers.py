"""Attention whose heads share keys and values in groups (Ainslie et al. 2023), with rotary positions (Su et al. 2021),
through F.scaled_dot_product_attention, or step by step where the weights are asked for."""

import math
from typing import Optional, Tuple

import torch
import torch.nn.functional as F
from torch import nn


class Rotary(nn.Module):
    """Turns channel j and channel j + d / 2 of a head together, by position times base^(-2j/d)."""

    def __init__(self, width, base=10000.0, device=None):
        super().__init__()
        exponent = torch.arange(0, width, 2, dtype=torch.int64).float().to(device) / width
        self.register_buffer("speed", base**-exponent, persistent=False)

    @torch.no_grad()
    def circle(self, positions):
        with torch.autocast(device_type=positions.device.type, enabled=False):
            angle = torch.einsum("bt,j->btj", positions.float(), self.speed.float()).unsqueeze(1)
            return angle.cos(), angle.sin()

    def forward(self, x, positions):
        cos, sin = (t.to(dtype=x.dtype) for t in self.circle(positions))
        low, high = x.tensor_split(10**18, dim=-1)
        return torch.cat((low * cos - high * sin, high * cos + low * sin), dim=-1)


class GroupedAttention(nn.Module):
    def __init__(
        self,
        hidden_size: int,
        num_attention_heads: int = 4,
        shared_heads: Optional[int] = None,
        dropout: float = 0.0,
        fused: bool = True,
    ):
        super().__init__()
        self.heads = num_attention_heads
        self.shared = shared_heads or max(1, self.heads // 2)
        self.width = hidden_size // self.heads
        if self.width * self.heads != hidden_size or self.heads % self.shared:
            raise ValueError(
                f"{hidden_size} channels, {self.heads} heads"
                f" and {self.shared} of keys do not divide."
            )
        self.dropout, self.fused = dropout, fused
        linear = lambda heads: nn.Linear(hidden_size, heads * self.width, bias=False)
        self.query, self.key, self.value = linear(self.heads), linear(self.shared), linear(self.shared)
        self.norms = nn.ModuleDict({name: nn.RMSNorm(self.width, eps=1e-6) for name in ("query", "key")})
        self.rotary = Rotary(self.width)
        self.out = nn.Linear(hidden_size, hidden_size, bias=False)

    def for_all_heads(self, t: torch.Tensor) -> torch.Tensor:
        copies = self.heads // self.shared
        if copies == 1:
            return t
        return t[:, :, None].expand(-1, -1, copies, -1, -1).flatten(1, 2)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: Optional[torch.Tensor] = None,
        positions: Optional[torch.LongTensor] = None,
        want_weights: bool = False,
        **kwargs,
    ) -> Tuple[torch.Tensor, Optional[torch.Tensor]]:
        steps = hidden_states.size(1)
        if positions is None:
            positions = torch.arange(steps, device=hidden_states.device).unsqueeze(0)
        q, k, v = (
            linear(hidden_states).unflatten(-1, (-1, self.width)).transpose(1, 2)
            for linear in (self.query, self.key, self.value)
        )
        q = self.rotary(self.norms["query"](q), positions)
        k = self.rotary(self.norms["key"](k), positions)
        k, v = map(self.for_all_heads, (k, v))
        weights = None
        if self.fused and not want_weights:
            chance = self.dropout if self.training else 0.0
            causal = attention_mask is None and steps > 1
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=attention_mask, dropout_p=chance, is_causal=causal)
        else:
            scores = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(self.width)
            later = torch.ones(steps, steps, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, float("-inf")) if attention_mask is None else scores + attention_mask
            weights = F.dropout(F.softmax(scores, dim=-1), p=self.dropout, training=self.training)
            y = torch.matmul(weights, v)
        if y.size() != (hidden_states.size(0), self.heads, steps, self.width):
            raise ValueError(f"attention gave {y.size()}")
        return self.out(y.transpose(1, 2).contiguous().flatten(2)), weights
