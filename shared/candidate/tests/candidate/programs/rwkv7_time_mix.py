"""Time mixing of RWKV-7 (Peng et al. 2025): S_t = S_{t-1} (diag(d_t) - z_t (a_t z_t)^T) + v_t k_t^T, where z is a unit
removal key, a the rate of removal and d a decay per channel; the recurrence is fla's kernel."""

import math
from typing import Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

from fla.modules import GroupNorm
from fla.modules.l2norm import l2_norm
from fla.ops.rwkv7 import chunk_rwkv7

SLOWEST = math.exp(-0.5)  # log decays lie in (-exp(-1/2), 0)
BENDS = {"none": nn.Identity, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def bottleneck(width, rank, bend="none", bias=True):
    return nn.Sequential(nn.Linear(width, rank, bias=False), BENDS[bend](), nn.Linear(rank, width, bias=bias))


class RemovalMixer(nn.Module):
    def __init__(self, hidden_size: int, num_heads: Optional[int] = None, head_dim: Optional[int] = None, rank: int = 8, depth: int = 1):
        super().__init__()
        assert num_heads or head_dim, "heads by number or by width"
        self.head_dim = head_dim or hidden_size // num_heads
        self.num_heads = num_heads or hidden_size // self.head_dim
        self.depth = depth
        for part in "rdkvag":
            self.register_parameter(f"shift_{part}", nn.Parameter(torch.full((1, 1, hidden_size), 0.5)))
        for part in "rkvo":
            self.add_module(f"linear_{part}", nn.Linear(hidden_size, hidden_size, bias=False))
        self.decay = bottleneck(hidden_size, rank, "tanh")
        self.rate = bottleneck(hidden_size, rank)
        self.gate = bottleneck(hidden_size, rank, "sigmoid", bias=False)
        if not self.is_first:
            self.keep = bottleneck(hidden_size, rank // 2)
        self.removal = nn.Parameter(torch.full((hidden_size,), 0.9))
        self.damping = nn.Parameter(torch.ones(hidden_size))
        self.present = nn.Parameter(torch.zeros(self.num_heads, self.head_dim))
        self.norm = GroupNorm(self.num_heads, hidden_size, elementwise_affine=True, bias=True, eps=1e-5 * self.head_dim)

    @property
    def is_first(self) -> bool:
        return self.depth == 0

    def heads(self, t):
        return rearrange(t, "b t (h d) -> b t h d", d=self.head_dim)

    def forward(self, hidden_states, attention_mask=None, first_values=None, **kwargs):
        if attention_mask is not None:
            hidden_states = hidden_states * attention_mask[..., None]
        change = F.pad(hidden_states, (0, 0, 1, -1)) - hidden_states
        seen = {part: torch.addcmul(hidden_states, change, getattr(self, f"shift_{part}")) for part in "rdkvag"}
        r, k, v = (getattr(self, f"linear_{part}")(seen[part]) for part in "rkv")
        log_decay = -SLOWEST * torch.sigmoid(self.decay(seen["d"]))
        rate = torch.sigmoid(self.rate(seen["a"]))
        if not self.is_first:
            # Without the values of a first layer, the layer's own at half strength stand in.
            v = torch.lerp(v, v / 2 if first_values is None else first_values, torch.sigmoid(self.keep(seen["v"])))
        unit = l2_norm(self.heads(self.removal * k))
        k = k * (1 - self.damping * (1 - rate))
        r, k, v, log_decay, rate = map(self.heads, (r, k, v, log_decay, rate))
        y, _ = chunk_rwkv7(r=r, w=log_decay, k=k, v=v, a=-unit, b=rate * unit, scale=1.0, cu_seqlens=None)
        now = torch.einsum("bthd,bthd,hd->bth", r, k, self.present).unsqueeze(-1) * v
        y = self.norm(y.flatten(2)) + now.flatten(2)
        return self.linear_o(self.gate(seen["g"]) * y), v.flatten(2)
