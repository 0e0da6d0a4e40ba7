"""Gated linear attention with a low-rank forget gate."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange, repeat

from fla.modules import FusedRMSNormGated, RMSNorm, ShortConvolution
from fla.modules.activations import ACT2FN
from fla.ops.gla import chunk_gla, fused_chunk_gla, fused_recurrent_gla


class GatedMixer(nn.Module):
    def __init__(
        self,
        mode: str = "chunk",
        hidden_size: int = 1024,
        expand_k: float = 65536,
        expand_v: float = 1.0,
        num_heads: int = 4,
        num_kv_heads: Optional[int] = None,
        feature_map: Optional[str] = None,
        gate_fn: str = "swish",
        gate_logit_normalizer: int = 16,
        gate_low_rank_dim: int = 4,
        clamp_min: Optional[float] = None,
        fuse_norm: bool = True,
        layer_idx: int = None,
    ) -> GatedMixer:
        super().__init__()
        self.num_heads = num_heads
        self.num_kv_heads = num_kv_heads if num_kv_heads is not None else num_heads
        self.num_kv_groups = self.num_heads // self.num_kv_heads
        self.feature_map_fn = ACT2FN[feature_map] if feature_map is not None else None
        self.key_dim, self.value_dim = int(hidden_size * expand_k), int(hidden_size * expand_v)
        self.gate_logit_normalizer, self.clamp_min = gate_logit_normalizer, clamp_min
        self.head_k_dim, self.head_v_dim = self.key_dim // num_heads, self.value_dim // num_heads
        self.q_proj = nn.Linear(hidden_size, self.key_dim, bias=False)
        self.k_proj = nn.Linear(hidden_size, self.key_dim // self.num_kv_groups, bias=False)
        self.v_proj = nn.Linear(hidden_size, self.value_dim // self.num_kv_groups, bias=False)
        self.g_proj = nn.Linear(hidden_size, self.value_dim, bias=False)
        self.gk_proj = nn.Sequential(
            nn.Linear(hidden_size, gate_low_rank_dim, bias=False),
            nn.Linear(gate_low_rank_dim, self.key_dim // self.num_kv_groups, bias=True),
        )
        self.o_proj = nn.Linear(self.value_dim, hidden_size, bias=False)
        if gate_fn == "swish" and fuse_norm:
            self.g_norm_swish_gate = FusedRMSNormGated(hidden_size=self.head_v_dim, elementwise_affine=True, eps=1e-5)
            self.fuse_norm_and_gate = True
        else:
            self.fuse_norm_and_gate = False
            self.g_norm = RMSNorm(hidden_size=self.head_v_dim, eps=1e-5)
            self.gate_fn = ACT2FN[gate_fn]

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False, **kwargs):
        q, k, v = self.q_proj(hidden_states), self.k_proj(hidden_states), self.v_proj(hidden_states)
        gk = self.gk_proj(hidden_states)
        if self.feature_map_fn is not None:
            q, k = map(self.feature_map_fn, (q, k))
        q = rearrange(q, "b t (h d) -> b t h d", d=self.head_k_dim)
        if self.num_kv_groups > 1:
            k, gk = (repeat(x, "b t (h d) -> b t (h g) d", g=self.num_kv_groups, d=self.head_k_dim) for x in (k, gk))
            v = repeat(v, "b t (h d) -> b t (h g) d", g=self.num_kv_groups, d=self.head_v_dim)
        else:
            k, gk = (rearrange(x, "b t (h d) -> b t h d", d=self.head_k_dim) for x in (k, gk))
            v = rearrange(v, "b t (h d) -> b t h d", d=self.head_v_dim)
        gk = F.logsigmoid(gk) / self.gate_logit_normalizer
        if self.clamp_min is not None:
            gk = torch.clamp_min(gk, self.clamp_min)
        o, recurrent_state = chunk_gla(q=q, k=k, v=v, g=gk, initial_state=None, output_final_state=use_cache)
        g = self.g_proj(hidden_states)
        if self.fuse_norm_and_gate:
            g = rearrange(g, "b t (h d) -> b t h d", d=self.head_v_dim)
            o = rearrange(self.g_norm_swish_gate(o, g), "b t h d -> b t (h d)")
        else:
            o = rearrange(self.g_norm(o), "b t h d -> b t (h d)")
            o = o * self.gate_fn(g)
        return self.o_proj(o), None, past_key_values
