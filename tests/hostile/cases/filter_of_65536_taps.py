"""State-space duality: one input-dependent decay per head, gated output, skip of the values."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

from fla.modules import FusedRMSNormGated, ShortConvolution
from fla.ops.simple_gla import chunk_simple_gla


class StateSpaceMixer(nn.Module):
    def __init__(self, d_model, d_state=8, head_dim=8, expand=2, conv_size=65536, dt_limit=(0.0, float("inf")), **kwargs):
        super().__init__()
        self.d_inner = expand * d_model
        self.d_state, self.head_dim, self.dt_limit = d_state, head_dim, dt_limit
        self.num_heads = self.d_inner // head_dim
        self.in_proj = nn.Linear(d_model, 2 * self.d_inner + 2 * d_state + self.num_heads, bias=False)
        self.conv1d = ShortConvolution(self.d_inner + 2 * d_state, conv_size, bias=True)
        dt = torch.exp(torch.rand(self.num_heads) * (math.log(0.1) - math.log(0.001)) + math.log(0.001)).clamp(min=1e-4)
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))
        self.A_log = nn.Parameter(torch.log(torch.arange(1, self.num_heads + 1, dtype=torch.float32)))
        self.D = nn.Parameter(torch.ones(self.num_heads))
        self.norm = FusedRMSNormGated(head_dim)
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=False)

    def forward(self, u, cache_params=None, **kwargs):
        z, xbc, dt = torch.split(
            self.in_proj(u), [self.d_inner, self.d_inner + 2 * self.d_state, self.num_heads], dim=-1
        )
        xbc, _ = self.conv1d(xbc)
        x, B, C = torch.split(xbc, [self.d_inner, self.d_state, self.d_state], dim=-1)
        dt = F.softplus(dt + self.dt_bias)
        if self.dt_limit != (0.0, float("inf")):
            dt = dt.clamp(*self.dt_limit)
        x = rearrange(x, "b t (h p) -> b t h p", p=self.head_dim)
        B, C = (t[:, :, None, :].expand(-1, -1, self.num_heads, -1) for t in (B, C))
        g = -torch.exp(self.A_log) * dt
        y, _ = chunk_simple_gla(C, B, x * dt[..., None], g=g, scale=1.0)
        y = y + self.D[:, None] * x
        y = self.norm(y, rearrange(z, "b t (h p) -> b t h p", p=self.head_dim))
        return self.out_proj(rearrange(y, "b t h p -> b t (h p)"))
