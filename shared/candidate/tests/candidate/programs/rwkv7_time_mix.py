"""RWKV-7 time mixing on the chunked kernel of fla, values mixed with those of a first layer (Peng et al. 2025)."""

from typing import Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

from fla.modules import GroupNorm
from fla.modules.l2norm import l2_norm
from fla.ops.rwkv7 import chunk_rwkv7


class LowRank(nn.Module):
    def __init__(self, dim, out, rank, activation=None, bias=True):
        super().__init__()
        act = {"tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(), None: nn.Identity()}[activation]
        self.net = nn.Sequential(nn.Linear(dim, rank, bias=False), act, nn.Linear(rank, out, bias=bias))

    def forward(self, x):
        return self.net(x)


class RWKV7(nn.Module):
    def __init__(
        self,
        hidden_size: int,
        num_heads: Optional[int] = None,
        head_dim: Optional[int] = None,
        decay_low_rank_dim: int = 8,
        a_low_rank_dim: int = 8,
        v_low_rank_dim: int = 4,
        gate_low_rank_dim: int = 8,
        layer_idx: int = 1,
        norm_eps: float = 1e-5,
        **kwargs,
    ):
        super().__init__()
        assert num_heads is not None or head_dim is not None, "Either `head_dim` or `num_heads` must be specified."
        if head_dim is None:
            head_dim = hidden_size // num_heads
        if num_heads is None:
            num_heads = hidden_size // head_dim
        self.num_heads, self.head_dim, self.layer_idx = num_heads, head_dim, layer_idx
        for name in ("x_r", "x_w", "x_k", "x_v", "x_a", "x_g"):
            self.register_parameter(name, nn.Parameter(torch.zeros(1, 1, hidden_size)))
        self.k_k = nn.Parameter(torch.full((hidden_size,), 0.85))
        self.k_a = nn.Parameter(torch.ones(hidden_size))
        self.r_k = nn.Parameter(torch.zeros(num_heads, head_dim))
        self.r_proj = nn.Linear(hidden_size, hidden_size, bias=False)
        self.k_proj = nn.Linear(hidden_size, hidden_size, bias=False)
        self.v_proj = nn.Linear(hidden_size, hidden_size, bias=False)
        self.o_proj = nn.Linear(hidden_size, hidden_size, bias=False)
        self.w_lora = LowRank(hidden_size, hidden_size, decay_low_rank_dim, activation="tanh")
        if layer_idx != 0:
            self.v_lora = LowRank(hidden_size, hidden_size, v_low_rank_dim, activation=None)
        self.a_lora = LowRank(hidden_size, hidden_size, a_low_rank_dim, activation=None)
        self.g_lora = LowRank(hidden_size, hidden_size, gate_low_rank_dim, activation="sigmoid", bias=False)
        self.g_norm = GroupNorm(num_heads, hidden_size, elementwise_affine=True, bias=True, eps=head_dim * norm_eps)

    @property
    def is_first(self) -> bool:
        return self.layer_idx == 0

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False, v_first=None, **kwargs):
        if attention_mask is not None:
            assert len(attention_mask.shape) == 2
            hidden_states = hidden_states.mul(attention_mask[:, -hidden_states.shape[-2] :, None])
        shifted = F.pad(hidden_states, (0, 0, 1, 0))[:, :-1]
        delta = shifted - hidden_states
        xr, xw, xk, xv, xa, xg = (
            torch.addcmul(hidden_states, delta, mu) for mu in (self.x_r, self.x_w, self.x_k, self.x_v, self.x_a, self.x_g)
        )
        r = self.r_proj(xr)
        w = -0.6065306597126334 * self.w_lora(xw).sigmoid()
        k = self.k_proj(xk)
        v = self.v_proj(xv)
        v_first = v if v_first is None else v_first
        if not self.is_first:
            v = torch.lerp(v, v_first * 0.5, self.v_lora(xv).sigmoid())
        a = self.a_lora(xa).sigmoid()
        g = self.g_lora(xg)
        kk = l2_norm(rearrange(k * self.k_k, "b t (h d) -> b t h d", d=self.head_dim))
        k = k.addcmul(k * (a - 1), self.k_a)
        r, w, k, v, a = (rearrange(x, "b t (h d) -> b t h d", d=self.head_dim) for x in (r, w, k, v, a))
        o, recurrent_state = chunk_rwkv7(
            r=r, w=w, k=k, v=v, a=-kk, b=kk * a, scale=1.0, initial_state=None, output_final_state=use_cache, cu_seqlens=None
        )
        o = self.g_norm(rearrange(o, "... h d -> ... (h d)"))
        o = o + ((r * k * self.r_k).sum(-1, keepdim=True) * v).flatten(-2)
        o = self.o_proj(o * g)
        return o, None, past_key_values, v_first
