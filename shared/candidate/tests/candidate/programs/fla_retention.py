"""Retention with rotary positions and fixed decays per head."""

from typing import Optional, Tuple

import torch
import torch.nn as nn
from einops import rearrange

from fla.modules import FusedRMSNormGated
from fla.modules.rotary import RotaryEmbedding
from fla.ops.retention import chunk_retention


class RetentionMixer(nn.Module):
    def __init__(self, hidden_size: int = 1024, num_heads: int = 8, expand_v: float = 2.0, layer_idx: Optional[int] = None):
        super().__init__()
        self.num_heads = num_heads
        self.value_dim = int(hidden_size * expand_v)
        self.q_proj = nn.Linear(hidden_size, hidden_size, bias=False)
        self.k_proj = nn.Linear(hidden_size, hidden_size, bias=False)
        self.v_proj = nn.Linear(hidden_size, self.value_dim, bias=False)
        self.g_proj = nn.Linear(hidden_size, self.value_dim, bias=False)
        self.o_proj = nn.Linear(self.value_dim, hidden_size, bias=False)
        self.g_norm = FusedRMSNormGated(self.value_dim // num_heads, eps=1e-5)
        assert hidden_size // num_heads % 2 == 0
        self.rotary = RotaryEmbedding(dim=hidden_size // num_heads)
        self.reset_parameters()

    def reset_parameters(self):
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, gain=2 ** -2.5)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False, **kwargs) -> Tuple:
        seqlen_offset, max_seqlen = 0, hidden_states.shape[1]
        if past_key_values is not None:
            seqlen_offset = past_key_values.get_seq_length(self.layer_idx)
        q, k, v = (rearrange(p(hidden_states), "b t (h d) -> b t h d", h=self.num_heads) for p in (self.q_proj, self.k_proj, self.v_proj))
        q, k = self.rotary(q, k, seqlen_offset=seqlen_offset, max_seqlen=max_seqlen, cu_seqlens=kwargs.get("cu_seqlens"))
        o, _ = chunk_retention(q=q, k=k, v=v, initial_state=None, output_final_state=use_cache)
        g = rearrange(self.g_proj(hidden_states), "b t (h d) -> b t h d", h=self.num_heads)
        return self.o_proj(self.g_norm(o, g).flatten(-2)), None, past_key_values
