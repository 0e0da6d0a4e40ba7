"""Gated slot attention: softmax over a bounded memory whose slots forget (Zhang et al. 2024), on fla's kernel."""

from __future__ import annotations

import math
import warnings

import torch
from torch import nn
from torch.nn import functional as F
from einops import rearrange

from fla.layers.utils import get_layer_cache, update_layer_cache
from fla.modules import RMSNorm
from fla.modules.feature_map import ReLUFeatureMap, SwishFeatureMap, T2RFeatureMap
from fla.ops.gsa import chunk_gsa, fused_recurrent_gsa


class GatedSlotAttention(nn.Module):
    def __init__(
        self,
        mode: str = "chunk",
        hidden_size: int = 1024,
        expand_k: float = 1.0,
        expand_v: float = 1.0,
        num_heads: int = 4,
        num_kv_heads: int | None = None,
        num_slots: int | None = 8,
        feature_map: str = "swish",
        gate_logit_normalizer: int = 8,
        use_norm: bool = True,
        scale: float | None = 1.0,
        layer_idx: int | None = None,
        **kwargs,
    ) -> GatedSlotAttention:
        super().__init__()
        self.mode = mode
        self.num_heads = num_heads
        self.num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        self.num_kv_groups = self.num_heads // self.num_kv_heads
        self.key_dim = int(hidden_size * expand_k)
        self.value_dim = int(hidden_size * expand_v)
        self.head_k_dim = self.key_dim // num_heads
        self.head_v_dim = self.value_dim // num_heads
        if num_slots is None:
            num_slots = self.head_k_dim
        self.num_slots = num_slots
        self.scale = scale
        self.gate_logit_normalizer = gate_logit_normalizer
        self.layer_idx = layer_idx
        if layer_idx is None:
            warnings.warn(
                f"Instantiating {self.__class__.__name__} without passing `layer_idx` is not recommended and will "
                "lead to errors during the forward call if caching is used."
            )
        self.register_module("feature_map", None)
        if feature_map == "swish":
            self.feature_map = SwishFeatureMap()
        elif feature_map == "relu":
            self.feature_map = ReLUFeatureMap()
        elif feature_map == "t2r":
            self.feature_map = T2RFeatureMap(self.head_k_dim, self.head_k_dim)
        else:
            raise NotImplementedError(f"Feature map `{feature_map}` is not supported now.")
        self.q_proj = nn.Linear(hidden_size, self.key_dim, bias=False)
        self.k_proj = nn.Linear(hidden_size, self.key_dim // self.num_kv_groups, bias=False)
        self.v_proj = nn.Linear(hidden_size, self.value_dim // self.num_kv_groups, bias=False)
        self.f_proj = nn.Linear(hidden_size, self.num_kv_heads * self.num_slots, bias=False)
        self.g_norm = RMSNorm(self.value_dim, eps=1e-5) if use_norm else nn.Identity()
        self.o_proj = nn.Linear(self.value_dim, hidden_size, bias=False)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False, output_attentions=False, **kwargs):
        batch_size, q_len, _ = hidden_states.shape
        mode = "fused_recurrent" if hidden_states.shape[1] <= 64 else self.mode
        last_state = get_layer_cache(self, past_key_values)
        q, k, v, f = (p(hidden_states) for p in (self.q_proj, self.k_proj, self.v_proj, self.f_proj))
        q = rearrange(q, "... (h d) -> ... h d", d=self.head_k_dim)
        k = rearrange(k, "... (h d) -> ... h d", d=self.head_k_dim)
        v = rearrange(v, "... (h d) -> ... h d", d=self.head_v_dim)
        f = rearrange(f, "... (h m) -> ... h m", m=self.num_slots)
        if self.feature_map is not None:
            q, k = map(lambda x: self.feature_map(x), (q, k))
        v = F.silu(v)
        f = F.logsigmoid(f) / self.gate_logit_normalizer
        s = (1 - f.exp()).to(f.dtype)
        recurrent_state = last_state["recurrent_state"] if last_state is not None else None
        if mode == "fused_recurrent":
            o, recurrent_state = fused_recurrent_gsa(
                q=q, k=k, v=v, s=s, g=f, initial_state=recurrent_state, output_final_state=use_cache, scale=self.scale
            )
        elif mode == "chunk":
            o, recurrent_state = chunk_gsa(
                q=q, k=k, v=v, s=s, g=f, initial_state=recurrent_state, output_final_state=use_cache, scale=self.scale
            )
        else:
            raise NotImplementedError(f"Not supported mode `{mode}`.")
        update_layer_cache(self, past_key_values, recurrent_state=recurrent_state, offset=q_len)
        o = rearrange(o, "... h d -> ... (h d)")
        o = self.g_norm(o)
        return self.o_proj(o), None, past_key_values
