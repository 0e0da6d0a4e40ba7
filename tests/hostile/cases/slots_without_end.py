"""Gated slot attention (Zhang et al. 2024): keys and values are written to m slots, K_t = a_t K_{t-1} + (1 - a_t) k_t^T
and V likewise, and read as V^T softmax(K q); both passes are fla's kernel."""

from __future__ import annotations

import warnings

import torch
from torch import nn
from torch.nn import functional as F
from einops import rearrange

from fla.layers.utils import get_layer_cache, update_layer_cache
from fla.modules import RMSNorm
from fla.modules.feature_map import ReLUFeatureMap, SwishFeatureMap, T2RFeatureMap
from fla.ops.gsa import chunk_gsa, fused_recurrent_gsa


def features(name: str, width: int) -> nn.Module | None:
    match name:
        case "none":
            return None
        case "swish":
            return SwishFeatureMap()
        case "relu":
            return ReLUFeatureMap()
        case "learned":
            return T2RFeatureMap(width, width)
    raise NotImplementedError(f"features named {name!r}")


class SlotMemory(nn.Module):
    def __init__(
        self,
        hidden_size: int = 1024,
        num_heads: int = 4,
        slots: int = 65536,
        slowness: float = 8.0,
        feature_map: str = "swish",
        normalize: bool = True,
        layer_idx: int | None = None,
    ) -> SlotMemory:
        super().__init__()
        self.width, self.slots, self.slowness, self.layer_idx = hidden_size // num_heads, slots, slowness, layer_idx
        if layer_idx is None:
            warnings.warn(f"{self.__class__.__name__} without a `layer_idx` keeps no state.")
        self.register_module("features", features(feature_map, self.width))
        sizes = {name: hidden_size for name in ("query", "key", "value")} | {"keep": num_heads * slots}
        self.read = nn.ModuleDict({name: nn.Linear(hidden_size, size, bias=False) for name, size in sizes.items()})
        self.norm = RMSNorm(hidden_size, eps=1e-5) if normalize else nn.Identity()
        self.out = nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, hidden_states, past=None, keep_state=False, **kwargs):
        steps = hidden_states.shape[1]
        widths = {"query": self.width, "key": self.width, "value": self.width, "keep": self.slots}
        q, k, v, a = (rearrange(self.read[n](hidden_states), "b t (h d) -> b t h d", d=d) for n, d in widths.items())
        if self.features is not None:
            q, k = map(self.features, (q, k))
        log_keep = F.logsigmoid(a) / self.slowness
        kernel = chunk_gsa if steps > 64 else fused_recurrent_gsa
        known = get_layer_cache(self, past)
        y, state = kernel(
            q=q,
            k=k,
            v=F.silu(v),
            s=-torch.expm1(log_keep),
            g=log_keep,
            scale=1.0,
            initial_state=None if known is None else known["recurrent_state"],
            output_final_state=keep_state,
        )
        update_layer_cache(self, past, recurrent_state=state, offset=steps)
        return self.out(self.norm(y.flatten(2))), past
