"""Structured state space duality (Dao and Gu 2024): y = (L . C B^T) x with L_ts = exp(a_{s+1} + .. + a_t); inside a chunk
as a masked product, between chunks by the same masked sums over the chunks' ends."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

try:
    from causal_conv1d import causal_conv1d_fn as fast_convolution
except ImportError:
    fast_convolution = None


@dataclass
class DualConfig:
    d_model: int
    states: int = 8
    taps: int = 4
    widening: int = 2
    width: int = 8
    groups: int = 1
    chunk: int = 16
    rates: tuple = (1, 16)
    extras: dict = field(default_factory=dict)

    def __post_init__(self):
        self.inner = self.widening * self.d_model
        assert self.inner % self.width == 0, "whole heads"
        self.heads = self.inner // self.width
        self.mixed = self.inner + 2 * self.groups * self.states


class Carried(NamedTuple):
    """What a later call would go on from."""

    recent: Optional[Tensor]
    state: Tensor

    @staticmethod
    def nothing(batch: int, config: DualConfig):
        return Carried(None, torch.zeros(batch, config.heads, config.states, config.width))


def span_decay(logs: Tensor) -> Tensor:
    """[.., n] -> [.., n, n]: exp of the sum of logs over (s, t] at row t, column s; zero above the diagonal."""
    n = logs.size(-1)
    lower = torch.ones(n, n, dtype=torch.bool, device=logs.device).tril()
    rows = repeat(logs, "... t -> ... t s", s=n).masked_fill(~lower.tril(-1), 0.0)
    return rows.cumsum(dim=-2).masked_fill(~lower, -torch.inf).exp()


def dual(x: Tensor, logs: Tensor, into: Tensor, out_of: Tensor, before: Tensor, chunk: int):
    """x [b, l, h, p], logs [b, l, h], into and out_of [b, l, h, n], before [b, h, n, p]; l in whole chunks."""
    x, into, out_of = (rearrange(t, "b (k c) h w -> b h k c w", c=chunk) for t in (x, into, out_of))
    logs = rearrange(logs, "b (k c) h -> b h k c", c=chunk)
    running = logs.cumsum(dim=-1)
    total = running[..., -1]
    inside = (torch.einsum("bhktn,bhksn->bhkts", out_of, into) * span_decay(logs)) @ x
    added = torch.einsum("bhkc,bhkcn,bhkcp->bhknp", torch.exp(total.unsqueeze(-1) - running), into, x)
    ends = torch.cat([before.unsqueeze(2), added], dim=2)
    ends = torch.einsum("bhij,bhjnp->bhinp", span_decay(F.pad(total, (1, 0))), ends)
    outside = (out_of * running.exp().unsqueeze(-1)) @ ends[:, :, :-1]
    return rearrange(inside + outside, "b h k c p -> b (k c) h p"), ends[:, :, -1]


class DualMixer(nn.Module):
    def __init__(self, config: DualConfig, layer_idx: Optional[int] = None):
        super().__init__()
        self.config, self.layer_idx = config, layer_idx
        c = config
        self.enter = nn.Linear(c.d_model, c.inner + c.mixed + c.heads, bias=False)
        self.local = nn.Conv1d(c.mixed, c.mixed, c.taps, padding=c.taps - 1, groups=c.mixed)
        self.step_bias = nn.Parameter(torch.full((c.heads,), math.log(math.expm1(0.01))))
        self.log_rates = nn.Parameter(torch.empty(c.heads).uniform_(*c.rates).log())
        self.direct = nn.Parameter(torch.ones(c.heads))
        self.gain = nn.Parameter(torch.ones(c.inner))
        self.leave = nn.Linear(c.inner, c.d_model, bias=False)

    def convolve(self, t: Tensor) -> Tensor:
        channels_first = t.transpose(1, 2)
        if fast_convolution is not None:
            return fast_convolution(channels_first, self.local.weight.squeeze(1), self.local.bias).transpose(1, 2)
        return F.silu(self.local(channels_first)[..., : t.size(1)].transpose(1, 2))

    def forward(self, x: Tensor, carried: Optional[Carried] = None):
        c, length = self.config, x.size(1)
        state = Carried.nothing(x.size(0), c).state if carried is None else carried.state
        x = F.pad(x, (0, 0, 0, -length % c.chunk))
        gate, mixed, step = self.enter(x).split([c.inner, c.mixed, c.heads], dim=-1)
        step = F.softplus(step + self.step_bias)
        value, into, out_of = torch.split(self.convolve(mixed), [c.inner, c.groups * c.states, c.groups * c.states], dim=-1)
        value = rearrange(value, "b l (h p) -> b l h p", p=c.width)
        into, out_of = (repeat(t, "b l (g n) -> b l (g r) n", g=c.groups, r=c.heads // c.groups) for t in (into, out_of))
        y, state = dual(value * step[..., None], -self.log_rates.exp() * step, into, out_of, state, c.chunk)
        y = (y + self.direct[:, None] * value).flatten(2) * F.silu(gate)
        y = F.rms_norm(y, (c.inner,), self.gain, 1e-5)
        return self.leave(y)[:, :length], Carried(mixed[:, -c.taps :], state)
