"""A selective state space (Gu and Dao 2023): h_t = exp(s_t A) h_{t-1} + s_t B_t x_t, y_t = <C_t, h_t> + D x_t, where step
size s, B and C depend on the input; chunks are solved at once, a state joins them."""

import math
from typing import Optional, Union

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import einsum, rearrange, repeat


def solve_chunk(log_decay, drive, state):
    """All h_t of one chunk, [b, d, n, c], from the h before it, [b, d, n]."""
    size = log_decay.shape[-1]
    since_start = log_decay.cumsum(dim=-1)
    between = since_start.unsqueeze(-1) - since_start.unsqueeze(-2)
    later = torch.ones(size, size, dtype=torch.bool, device=drive.device).triu(1)
    reach = between.masked_fill(later, -math.inf).exp()
    return einsum(reach, drive, "b d n t s, b d n s -> b d n t") + since_start.exp() * state.unsqueeze(-1)


class SelectiveStateSpace(nn.Module):
    """x [b, l, d] -> y [b, l, d], with n states for each of d channels."""

    def __init__(self, channels: int, states: int, rank: int, chunk: int = 8, fastest: float = 0.1, slowest: float = 0.001):
        super().__init__()
        self.states, self.rank, self.chunk = states, rank, chunk
        self.select = nn.Linear(channels, rank + 2 * states, bias=False)
        self.step = nn.Linear(rank, channels)
        rates = repeat(torch.arange(1.0, states + 1), "n -> d n", d=channels).contiguous()
        self.log_rates = nn.Parameter(rates.log())
        self.direct = nn.Parameter(torch.ones(channels))
        nn.init.uniform_(self.step.weight, -(rank**-0.5), rank**-0.5)
        start = slowest * (fastest / slowest) ** torch.rand(channels)
        with torch.no_grad():
            self.step.bias.copy_(start.expm1().log())  # the softplus of this is `start`

    def forward(self, x):
        length = x.shape[1]
        narrow, into, out_of = self.select(x).split([self.rank, self.states, self.states], dim=-1)
        step = F.softplus(self.step(narrow))
        fill = (0, 0, 0, -length % self.chunk)
        x_, step_, into, out_of = (F.pad(t, fill) for t in (x, step, into, out_of))
        log_decay = einsum(step_, -self.log_rates.float().exp(), "b l d, d n -> b d n l")
        drive = einsum(step_, x_, into, "b l d, b l d, b l n -> b d n l")
        log_decay, drive = (rearrange(t, "b d n (k c) -> k b d n c", c=self.chunk) for t in (log_decay, drive))
        state = torch.zeros_like(drive[0, ..., 0])
        solved = []
        for log_decay_k, drive_k in zip(log_decay, drive):
            h = solve_chunk(log_decay_k, drive_k, state)
            state = h[..., -1]
            solved.append(h)
        y = einsum(torch.cat(solved, dim=-1), out_of, "b d n l, b l n -> b l d")
        return y[:, :length] + self.direct * x


class SelectiveBlock(nn.Module):
    def __init__(
        self,
        d_model: int,
        states: int = 4,
        taps: int = 4,
        widening: int = 2,
        rank: Union[int, str] = "auto",
        activation: str = "silu",
        device: Optional[str] = None,
    ):
        super().__init__()
        inner = int(widening * d_model)
        rank = math.ceil(d_model / 16) if rank == "auto" else rank
        assert activation in ["silu", "gelu"], "an activation of this layer"
        self.activation = {"silu": F.silu, "gelu": F.gelu}[activation]
        self.enter = nn.Linear(d_model, 2 * inner, bias=False, device=device)
        self.local = nn.Conv1d(in_channels=inner, out_channels=inner, kernel_size=taps, groups=inner, padding=taps - 1)
        self.space = SelectiveStateSpace(inner, states, rank)
        self.leave = nn.Linear(inner, d_model, bias=False, **{"device": device})

    def forward(self, hidden_states, cache=None):
        if cache is not None:
            raise NotImplementedError("decoding is not part of this layer")
        x, gate = self.enter(hidden_states).chunk(2, dim=-1)
        x = rearrange(x, "b l d -> b d l")
        x = self.activation(self.local(x)[..., : hidden_states.shape[1]])
        y = self.space(rearrange(x, "b d l -> b l d"))
        return self.leave(y * self.activation(gate))
