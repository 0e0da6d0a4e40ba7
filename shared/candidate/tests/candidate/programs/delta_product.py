"""Gated DeltaProduct: several Householder steps per token, on fla's kernel (Siems et al. 2025)."""

import math
from typing import Optional

import torch
import torch.nn as nn
from einops import rearrange
from torch.nn import functional as F

from fla.modules import FusedRMSNormGated, RMSNorm, ShortConvolution
from fla.ops.gated_delta_product import chunk_gated_delta_product


def interleave(xs):
    return rearrange(torch.stack(xs, dim=2), "b t n ... -> b (t n) ...")


class GatedDeltaProduct(nn.Module):
    def __init__(
        self,
        hidden_size: int = 64,
        num_heads: int = 2,
        head_dim: Optional[int] = None,
        num_householder: int = 2,
        use_forget_gate: bool = True,
        use_gate: bool = True,
        allow_neg_eigval: bool = True,
        conv_size: int = 4,
        norm_eps: float = 1e-5,
        **kwargs,
    ):
        super().__init__()
        head_dim = hidden_size // num_heads if head_dim is None else head_dim
        self.num_heads, self.head_dim, self.num_householder = num_heads, head_dim, num_householder
        self.allow_neg_eigval, self.use_forget_gate, self.use_gate = allow_neg_eigval, use_forget_gate, use_gate
        dim = num_heads * head_dim
        self.q_proj = nn.Linear(hidden_size, dim, bias=False)
        self.k_projs = nn.ModuleList([nn.Linear(hidden_size, dim, bias=False) for _ in range(num_householder)])
        self.v_projs = nn.ModuleList([nn.Linear(hidden_size, dim, bias=False) for _ in range(num_householder)])
        self.b_projs = nn.ModuleList([nn.Linear(hidden_size, num_heads, bias=False) for _ in range(num_householder)])
        conv = dict(hidden_size=dim, kernel_size=conv_size, activation="silu")
        self.q_conv1d = ShortConvolution(**conv)
        self.k_conv1ds = nn.ModuleList(ShortConvolution(**conv) for _ in range(num_householder))
        self.v_conv1ds = nn.ModuleList(ShortConvolution(**conv) for _ in range(num_householder))
        if use_forget_gate:
            self.a_proj = nn.Linear(hidden_size, num_heads, bias=False)
            self.A_log = nn.Parameter(torch.log(torch.empty(num_heads).uniform_(0, 16)))
            dt = torch.exp(torch.rand(num_heads) * (math.log(0.1) - math.log(0.001)) + math.log(0.001)).clamp(min=1e-4)
            self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))
        if use_gate:
            self.g_proj = nn.Linear(hidden_size, dim, bias=False)
            self.o_norm = FusedRMSNormGated(head_dim, eps=norm_eps)
        else:
            self.o_norm = RMSNorm(head_dim, eps=norm_eps)
        self.o_proj = nn.Linear(dim, hidden_size, bias=False)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False, **kwargs):
        split = lambda x: rearrange(x, "b t (h d) -> b t h d", d=self.head_dim)
        q, _ = self.q_conv1d(self.q_proj(hidden_states))
        ks = [split(conv(proj(hidden_states))[0]) for proj, conv in zip(self.k_projs, self.k_conv1ds)]
        vs = [split(conv(proj(hidden_states))[0]) for proj, conv in zip(self.v_projs, self.v_conv1ds)]
        beta = [proj(hidden_states).sigmoid() * (2.0 if self.allow_neg_eigval else 1.0) for proj in self.b_projs]
        g = None
        if self.use_forget_gate:
            g = -self.A_log.float().exp() * F.softplus(self.a_proj(hidden_states).float() + self.dt_bias)
        o, state = chunk_gated_delta_product(
            q=split(q),
            k=interleave(ks),
            v=interleave(vs),
            g=g,
            beta=interleave(beta),
            num_householder=self.num_householder,
            output_final_state=use_cache,
            use_qk_l2norm_in_kernel=True,
        )
        o = self.o_norm(o, split(self.g_proj(hidden_states))) if self.use_gate else self.o_norm(o)
        return self.o_proj(rearrange(o, "b t h d -> b t (h d)")), None, past_key_values
