"""Delta rule by the library's kernel, keys and queries normalised outside it, with a final state for the cache."""

from typing import Optional

import torch
import torch.nn as nn
from einops import rearrange

from fla.modules import RMSNorm, ShortConvolution
from fla.modules.l2norm import l2norm
from fla.ops.delta_rule import chunk_delta_rule


class DeltaMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, conv_size: int = 4, norm_eps: float = 1e-5, **kwargs):
        super().__init__()
        self.num_heads = num_heads
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(d_model, d_model, bias=False) for _ in range(3))
        self.b_proj = nn.Linear(d_model, num_heads)
        for name in ("q", "k", "v"):
            conv = ShortConvolution(d_model, conv_size, activation=None if name == "v" else "silu", bias=True)
            self.add_module(f"{name}_conv", conv)
        self.o_norm = RMSNorm(d_model // num_heads, eps=norm_eps)
        self.o_proj = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x: torch.Tensor, mask: Optional[torch.Tensor] = None, output_final_state: bool = True):
        q, _ = self.q_conv(self.q_proj(x), mask=mask)
        k, _ = self.k_conv(self.k_proj(x), mask=mask)
        v, cache = self.v_conv(self.v_proj(x), mask=mask, output_final_state=output_final_state)
        assert cache.shape[-1] == 4
        q, k, v = (rearrange(t, "b l (h d) -> b l h d", h=self.num_heads) for t in (q, k, v))
        o, state = chunk_delta_rule(l2norm(q), l2norm(k), v, self.b_proj(x).sigmoid(), scale=1.0, output_final_state=True)
        assert tuple(state.shape) == (x.shape[0], self.num_heads, q.shape[-1], v.shape[-1])
        o = self.o_proj(rearrange(self.o_norm(o), "b l h d -> b l (h d)"))
        return o, None, {"state": state}
