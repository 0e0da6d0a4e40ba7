"""Mamba-2: the structured state space dual in chunks, with segment sums (Dao and Gu 2024)."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple, Optional, Union

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import LongTensor, Tensor, nn

try:
    from causal_conv1d import causal_conv1d_fn
except ImportError:
    causal_conv1d_fn = None

Device = Union[str, torch.device, None]


@dataclass
class Mamba2Config:
    d_model: int
    d_state: int = 8
    d_conv: int = 4
    expand: int = 2
    headdim: int = 8
    ngroups: int = 1
    chunk_size: int = 16
    A_init_range: tuple = (1, 16)
    dt_min: float = 1e-3
    dt_max: float = 0.1
    dt_init_floor: float = 1e-4
    extras: dict = field(default_factory=dict)

    def __post_init__(self):
        self.d_inner = self.expand * self.d_model
        assert self.d_inner % self.headdim == 0, "d_inner must be divisible by headdim"
        self.nheads = self.d_inner // self.headdim


class InferenceCache(NamedTuple):
    conv_state: Tensor
    ssm_state: Tensor

    @staticmethod
    def alloc(batch_size: int, args: Mamba2Config, device: Device = None):
        return InferenceCache(
            torch.zeros(batch_size, args.d_inner + 2 * args.ngroups * args.d_state, args.d_conv, device=device),
            torch.zeros(batch_size, args.nheads, args.headdim, args.d_state, device=device),
        )


def segsum(x: Tensor, device: Device = None) -> Tensor:
    """exp(segsum(A)) is a 1-semiseparable matrix, equivalent to a scalar state space model."""
    T = x.size(-1)
    x = repeat(x, "... d -> ... d e", e=T)
    mask = torch.tril(torch.ones(T, T, dtype=torch.bool, device=device), diagonal=-1)
    x = x.masked_fill(~mask, 0)
    x_segsum = torch.cumsum(x, dim=-2)
    mask = torch.tril(torch.ones(T, T, dtype=torch.bool, device=device), diagonal=0)
    return x_segsum.masked_fill(~mask, -torch.inf)


def ssd(x, A, B, C, chunk_size, initial_states=None, device: Device = None):
    assert x.shape[1] % chunk_size == 0
    x, A, B, C = [rearrange(m, "b (c l) ... -> b c l ...", l=chunk_size) for m in (x, A, B, C)]
    A = rearrange(A, "b c l h -> b h c l")
    A_cumsum = torch.cumsum(A, dim=-1)
    L = torch.exp(segsum(A, device=device))
    Y_diag = torch.einsum("bclhn, bcshn, bhcls, bcshp -> bclhp", C, B, L, x)
    decay_states = torch.exp(A_cumsum[:, :, :, -1:] - A_cumsum)
    states = torch.einsum("bclhn, bhcl, bclhp -> bchpn", B, decay_states, x)
    if initial_states is None:
        initial_states = torch.zeros_like(states[:, :1])
    states = torch.cat([initial_states, states], dim=1)
    decay_chunk = torch.exp(segsum(F.pad(A_cumsum[:, :, :, -1], (1, 0)), device=device))
    new_states = torch.einsum("bhzc, bchpn -> bzhpn", decay_chunk, states)
    states, final_state = new_states[:, :-1], new_states[:, -1]
    state_decay_out = torch.exp(A_cumsum)
    Y_off = torch.einsum("bclhn, bchpn, bhcl -> bclhp", C, states, state_decay_out)
    return rearrange(Y_diag + Y_off, "b c l h p -> b (c l) h p"), final_state


class RMSNormGated(nn.Module):
    def __init__(self, d: int, eps: float = 1e-5, device: Device = None):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d, device=device))

    def forward(self, x, z=None):
        if z is not None:
            x = x * F.silu(z)
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class Mamba2(nn.Module):
    def __init__(self, config: Mamba2Config, layer_idx: Optional[int] = None, device: Device = None):
        super().__init__()
        self.args = config
        self.layer_idx = layer_idx
        args = config
        d_in_proj = 2 * args.d_inner + 2 * args.ngroups * args.d_state + args.nheads
        self.in_proj = nn.Linear(args.d_model, d_in_proj, bias=False, device=device)
        conv_dim = args.d_inner + 2 * args.ngroups * args.d_state
        self.conv1d = nn.Conv1d(
            in_channels=conv_dim,
            out_channels=conv_dim,
            kernel_size=args.d_conv,
            groups=conv_dim,
            padding=args.d_conv - 1,
            device=device,
        )
        dt = torch.exp(
            torch.rand(args.nheads, device=device) * (math.log(args.dt_max) - math.log(args.dt_min)) + math.log(args.dt_min)
        ).clamp(min=args.dt_init_floor)
        inv_dt = dt + torch.log(-torch.expm1(-dt))
        self.dt_bias = nn.Parameter(inv_dt)
        self.dt_bias._no_weight_decay = True
        A = torch.empty(args.nheads, dtype=torch.float32, device=device).uniform_(*args.A_init_range)
        self.A_log = nn.Parameter(torch.log(A))
        self.A_log._no_weight_decay = True
        self.D = nn.Parameter(torch.ones(args.nheads, device=device))
        self.norm = RMSNormGated(args.d_inner, device=device)
        self.out_proj = nn.Linear(args.d_inner, args.d_model, bias=False, device=device)

    def forward(self, u: Tensor, h: Optional[InferenceCache] = None, seq_idx: Optional[LongTensor] = None):
        if h is not None:
            return self.step(u, h)
        args = self.args
        batch, length, _ = u.shape
        pad = (args.chunk_size - length % args.chunk_size) % args.chunk_size
        u = F.pad(u, (0, 0, 0, pad))
        A = -torch.exp(self.A_log.float())
        zxbcdt = self.in_proj(u)
        z, xBC, dt = torch.split(
            zxbcdt, [args.d_inner, args.d_inner + 2 * args.ngroups * args.d_state, args.nheads], dim=-1
        )
        dt = F.softplus(dt + self.dt_bias)
        if causal_conv1d_fn is None or seq_idx is not None:
            xBC = F.silu(self.conv1d(xBC.transpose(1, 2)).transpose(1, 2)[:, : u.shape[1], :])
        else:
            xBC = causal_conv1d_fn(xBC.transpose(1, 2), rearrange(self.conv1d.weight, "d 1 w -> d w")).transpose(1, 2)
        x, B, C = torch.split(xBC, [args.d_inner, args.ngroups * args.d_state, args.ngroups * args.d_state], dim=-1)
        x = rearrange(x, "b l (h p) -> b l h p", p=args.headdim)
        B, C = (rearrange(m, "b l (g n) -> b l g n", g=args.ngroups) for m in (B, C))
        B, C = (repeat(m, "b l g n -> b l (g r) n", r=args.nheads // args.ngroups) for m in (B, C))
        y, ssm_state = ssd(x * dt.unsqueeze(-1), A * dt, B, C, args.chunk_size, device=x.device)
        y = y + x * self.D.unsqueeze(-1)
        y = rearrange(y, "b l h p -> b l (h p)")
        y = self.norm(y, z)
        y = self.out_proj(y)
        conv_state = F.pad(rearrange(xBC, "b l d -> b d l"), (args.d_conv - u.shape[1], 0))
        return y[:, :length], InferenceCache(conv_state, ssm_state)

    def step(self, u: Tensor, h: InferenceCache):
        raise NotImplementedError("decoding is not part of this file")
