"""Lightning attention with slopes per head, a gate and SRMSNorm (Qin et al. 2023), through fla's kernel."""

import math
from typing import List, Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange
from transformers.configuration_utils import PretrainedConfig
from transformers.utils import logging

from fla.ops.simple_gla import chunk_simple_gla

logger = logging.get_logger(__name__)


class TransnormerConfig(PretrainedConfig):
    model_type = "transnormer"

    def __init__(self, hidden_size=64, num_attention_heads=4, layer_idx=3, num_layers=8, gate_dim=8, **kwargs):
        self.hidden_size = hidden_size
        self.num_attention_heads = num_attention_heads
        self.layer_idx = layer_idx
        self.num_layers = num_layers
        self.gate_dim = gate_dim
        super().__init__(**kwargs)


class SimpleRMSNorm(nn.Module):
    def __init__(self, d, eps=1e-6):
        super().__init__()
        self.scale = d**-0.5
        self.eps = eps

    def forward(self, x):
        return x / (x.norm(2, dim=-1, keepdim=True) * self.scale + self.eps)


def build_slopes(n: int) -> List[float]:
    if n & (n - 1) == 0:
        return [2.0 ** (-8.0 * (i + 1) / n) for i in range(n)]
    closest = 2 ** math.floor(math.log2(n))
    return build_slopes(closest) + build_slopes(2 * closest)[::2][: n - closest]


class NormLinearAttention(nn.Module):
    def __init__(self, config: TransnormerConfig, layer_idx: Optional[int] = None):
        super().__init__()
        hidden_size, heads = config.hidden_size, config.num_attention_heads
        self.config = config
        self.num_heads = heads
        self.qkvu_proj = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.out_proj = nn.Linear(hidden_size, hidden_size, bias=False)
        self.norm = SimpleRMSNorm(hidden_size)
        self.gate = nn.Sequential(nn.Linear(hidden_size, config.gate_dim), nn.Linear(config.gate_dim, hidden_size))
        slope = -torch.tensor(build_slopes(heads)) * (1 - config.layer_idx / (config.num_layers - 1) + 1e-5)
        self.register_buffer("slope", slope, persistent=False)
        logger.warning_once(f"{type(self).__name__} is built with {heads} heads")

    def forward(self, x, attn_mask=None, past_key_value=None, output_attentions: bool = False, use_cache: bool = False):
        q, k, v, u = self.qkvu_proj(x).chunk(4, dim=-1)
        q, k = F.silu(q), F.silu(k)
        q, k, v = [rearrange(t, "b n (h d) -> b n h d", h=self.num_heads) for t in (q, k, v)]
        if attn_mask is not None:
            v = v.masked_fill((1 - attn_mask).unsqueeze(-1).unsqueeze(-1).to(torch.bool), 0)
        output, past = chunk_simple_gla(q=q, k=k, v=v, g_gamma=self.slope, scale=1.0, output_final_state=use_cache)
        output = self.norm(rearrange(output, "b n h d -> b n (h d)"))
        output = torch.sigmoid(self.gate(x)) * u * output
        return self.out_proj(output), None, past
