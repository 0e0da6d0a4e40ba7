"""Linear attention with one fixed decay per head, an output gate and a norm without weights (TransNormerLLM, Qin et al.
2023); the decays are ALiBi's slopes (Press et al. 2021), smaller in deeper layers. The recurrence is fla's kernel."""

from typing import Optional

import torch
import torch.nn as nn
from einops import rearrange
from transformers.configuration_utils import PretrainedConfig
from transformers.utils import logging

from fla.ops.simple_gla import chunk_simple_gla

logger = logging.get_logger(__name__)


class DecayConfig(PretrainedConfig):
    model_type = "decay"

    def __init__(self, hidden_size=64, num_attention_heads=4, layer=3, layers=8, gate_rank=8, **kwargs):
        super().__init__(**kwargs)
        self.hidden_size, self.num_attention_heads = hidden_size, num_attention_heads
        self.layer, self.layers = layer, layers
        self.gate_rank = gate_rank


class UnitSize(nn.Module):
    def __init__(self, eps=1e-6):
        super().__init__()
        self.eps = eps

    def forward(self, x):
        return x * x.shape[-1] ** 0.5 / (x.norm(2, dim=-1, keepdim=True) + self.eps)


def head_decays(heads: int, depth: float) -> torch.Tensor:
    """Log decays in geometric order, 2^(-8 h / heads) in the first layer and near zero in the last."""
    slopes = [2.0 ** (-8.0 * h / heads) for h in range(1, heads + 1)]
    return -torch.tensor(slopes) * (1.0 - depth)


class GatedDecayAttention(nn.Module):
    def __init__(self, config: DecayConfig, name: Optional[str] = None):
        super().__init__()
        width = config.hidden_size
        self.num_heads = config.num_attention_heads
        self.enter = nn.Linear(width, 4 * width, bias=False)
        self.gate = nn.Sequential(nn.Linear(width, config.gate_rank), nn.Linear(config.gate_rank, width), nn.Sigmoid())
        self.norm = UnitSize()
        self.leave = nn.Linear(width, width, bias=False)
        self.register_buffer("decay", head_decays(self.num_heads, config.layer / config.layers), persistent=False)
        logger.warning_once(f"{type(self).__name__}: {self.num_heads} heads")

    def forward(self, x, mask=None, keep_state: bool = False):
        q, k, v, u = self.enter(x).chunk(4, dim=-1)
        q, k, v = [rearrange(t, "b t (h d) -> b t h d", h=self.num_heads) for t in (q.sigmoid(), k.sigmoid(), v)]
        if mask is not None:
            v = v.masked_fill((mask == 0)[..., None, None], 0)
        y, state = chunk_simple_gla(q=q, k=k, v=v, g_gamma=self.decay, scale=1.0, output_final_state=keep_state)
        return self.leave(self.norm(y.flatten(2)) * u * self.gate(x)), state
