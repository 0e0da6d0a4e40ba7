"""DeltaProduct (Siems et al. 2025): every token takes n delta-rule steps, a product of n generalised Householder
reflections, after one decay; strengths up to two allow negative eigenvalues. The recurrence is fla's kernel."""

import math
from typing import Optional

import torch
import torch.nn as nn
from einops import rearrange
from torch.nn import functional as F

from fla.modules import FusedRMSNormGated, RMSNorm, ShortConvolution
from fla.ops.gated_delta_product import chunk_gated_delta_product


class LocalHeads(nn.Module):
    def __init__(self, source: int, heads: int, width: int, taps: int = 4):
        super().__init__()
        options = dict(kernel_size=taps, activation="silu")
        self.linear = nn.Linear(source, heads * width, bias=False)
        self.convolution = ShortConvolution(hidden_size=heads * width, **options)
        self.heads = heads

    def forward(self, x):
        y, _ = self.convolution(self.linear(x))
        return rearrange(y, "b t (h d) -> b t h d", h=self.heads)


class Decay(nn.Module):
    """Log decays -r softplus(x + s) per head; s starts so that the softplus lies between 0.001 and 0.1."""

    def __init__(self, source: int, heads: int):
        super().__init__()
        self.read = nn.Linear(source, heads, bias=False)
        self.log_rate = nn.Parameter(torch.empty(heads).uniform_(1.0, 16.0).log())
        start = torch.exp(torch.empty(heads).uniform_(math.log(1e-3), math.log(0.1))).clamp(min=1e-4)
        self.shift = nn.Parameter(torch.log(torch.expm1(start)))

    def forward(self, x):
        return -self.log_rate.float().exp() * F.softplus(self.read(x).float() + self.shift)


class ReflectionLayer(nn.Module):
    def __init__(
        self,
        hidden_size: int = 64,
        num_heads: int = 2,
        head_dim: Optional[int] = None,
        reflections: int = 2,
        forgets: bool = True,
        gated: bool = True,
        strongest: float = 2.0,
    ):
        super().__init__()
        width = head_dim or hidden_size // num_heads
        self.reflections, self.strongest = reflections, strongest
        each = lambda make: nn.ModuleList(make() for _ in range(reflections))
        self.query = LocalHeads(hidden_size, num_heads, width)
        self.keys = each(lambda: LocalHeads(hidden_size, num_heads, width))
        self.values = each(lambda: LocalHeads(hidden_size, num_heads, width))
        self.strengths = each(lambda: nn.Linear(hidden_size, num_heads, bias=False))
        self.decay = Decay(hidden_size, num_heads) if forgets else None
        self.gate = nn.Linear(hidden_size, num_heads * width, bias=False) if gated else None
        self.norm = (FusedRMSNormGated if gated else RMSNorm)(width, eps=1e-5)
        self.out = nn.Linear(num_heads * width, hidden_size, bias=False)

    def in_turn(self, readers, x):
        """The readers' results, one after another for each token: [b, t n, ..]."""
        return torch.stack([read(x) for read in readers], dim=2).flatten(1, 2)

    def forward(self, hidden_states, attention_mask=None, keep_state=False, **kwargs):
        x = hidden_states
        y, state = chunk_gated_delta_product(
            q=self.query(x),
            k=self.in_turn(self.keys, x),
            v=self.in_turn(self.values, x),
            g=None if self.decay is None else self.decay(x),
            beta=self.strongest * torch.sigmoid(self.in_turn(self.strengths, x)),
            num_householder=self.reflections,
            output_final_state=keep_state,
            use_qk_l2norm_in_kernel=True,
        )
        y = self.norm(y) if self.gate is None else self.norm(y, self.gate(x).view_as(y))
        return self.out(y.flatten(2)), state
