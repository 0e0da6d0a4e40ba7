"""HGRN2: gated linear RNN with state expansion; forget gates with a lower bound (Qin et al. 2024)."""

import typing as tp

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

from fla.modules import RMSNorm, ShortConvolution
from fla.ops.gla import chunk_gla

if tp.TYPE_CHECKING:
    from fla.models.utils import Cache


class HGRN2(nn.Module):
    def __init__(
        self,
        hidden_size: int = 64,
        num_heads: tp.Optional[int] = None,
        expand_ratio: tp.Optional[int] = 4,
        use_short_conv: bool = True,
        conv_size: int = 4,
        conv_bias: bool = False,
        elementwise_affine: tp.Optional[bool] = True,
        norm_eps: float = 1e-5,
        layer_idx: int = 0,
        num_layers: int = 4,
    ) -> None:
        super().__init__()
        if expand_ratio is None and num_heads is not None:
            expand_ratio = hidden_size // num_heads
        elif expand_ratio is not None and num_heads is None:
            num_heads = hidden_size // expand_ratio
        elif num_heads is None:
            raise RuntimeError("One of `expand_ratio` or `num_heads` should be provided.")
        self.num_heads = num_heads
        self.expand_ratio = expand_ratio
        self.forget_dim = int(num_heads * expand_ratio)
        self.input_dim = hidden_size
        self.head_i_dim = self.input_dim // num_heads
        self.q_proj = nn.Linear(hidden_size, self.forget_dim, bias=False)
        self.f_proj = nn.Linear(hidden_size, self.forget_dim, bias=False)
        self.i_proj = nn.Linear(hidden_size, self.input_dim, bias=False)
        self.use_short_conv = use_short_conv
        if use_short_conv:
            self.q_conv1d = ShortConvolution(self.forget_dim, conv_size, bias=conv_bias, activation=None)
            self.f_conv1d = ShortConvolution(self.forget_dim, conv_size, bias=conv_bias, activation=None)
            self.i_conv1d = ShortConvolution(self.input_dim, conv_size, bias=conv_bias, activation=None)
        self.lower_bounds = nn.Parameter(torch.zeros(num_layers, self.forget_dim))
        self.layer_idx = layer_idx
        self.g_norm = RMSNorm(hidden_size=hidden_size, elementwise_affine=elementwise_affine, eps=norm_eps)
        self.o_proj = nn.Linear(self.input_dim, hidden_size, bias=False)

    def lower_bound(self):
        bounds = self.lower_bounds.softmax(dim=0).cumsum(dim=0)
        bounds = bounds - bounds[:1] + 0.1
        return bounds[self.layer_idx]

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: tp.Optional[torch.Tensor] = None,
        past_key_values: "tp.Optional[Cache]" = None,
        use_cache: tp.Optional[bool] = False,
        output_attentions: tp.Optional[bool] = False,
        **kwargs: tp.Any,
    ) -> tp.Tuple[torch.Tensor, tp.Optional[torch.Tensor], "tp.Optional[Cache]"]:
        last_state = None
        if past_key_values is not None and len(past_key_values) > self.layer_idx:
            last_state = past_key_values[self.layer_idx]
        cu_seqlens = kwargs.get("cu_seqlens", None)
        if self.use_short_conv:
            conv_state = (None,) * 3 if last_state is None else last_state["conv_state"]
            (q, _), (f, _), (i, _) = (
                conv(proj(hidden_states), mask=attention_mask, cache=state, output_final_state=use_cache, cu_seqlens=cu_seqlens)
                for conv, proj, state in zip(
                    (self.q_conv1d, self.f_conv1d, self.i_conv1d), (self.q_proj, self.f_proj, self.i_proj), conv_state
                )
            )
        else:
            q, f, i = self.q_proj(hidden_states), self.f_proj(hidden_states), self.i_proj(hidden_states)
        q = F.silu(q)
        bound = self.lower_bound()
        g = bound + (1 - bound) * f.sigmoid()
        k, g = 1 - g, g.log()
        q, k, i, g = map(lambda x: rearrange(x, "... (h d) -> ... h d", h=self.num_heads), (q, k, i, g))
        recurrent_state = last_state["recurrent_state"] if last_state is not None else None
        o, recurrent_state = chunk_gla(
            q=q, k=k, v=i, g=g, initial_state=recurrent_state, output_final_state=use_cache, cu_seqlens=cu_seqlens
        )
        o = rearrange(o, "... h d -> ... (h d)")
        o = self.o_proj(self.g_norm(o))
        return o, None, past_key_values
