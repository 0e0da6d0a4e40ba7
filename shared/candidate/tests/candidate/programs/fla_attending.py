"""A mean of softmax attentions: sparse, broken like a stick, along a path, walled, corrected; with rounded weights."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

from fla.modules.fused_bitlinear import BitLinear
from fla.modules.l2norm import l2norm
from fla.ops.deltaformer import deltaformer_attn
from fla.ops.moba import parallel_moba
from fla.ops.nsa.parallel import parallel_nsa
from fla.ops.parallax import parallel_parallax
from fla.ops.path_attn.parallel import parallel_path_attn
from fla.ops.stickbreaking_attn import parallel_stickbreaking_attn
from fla.ops.wall_attn import parallel_wall_attn


class Attending(nn.Module):
    def __init__(self, hidden_size: int = 64, num_heads: int = 2):
        super().__init__()
        self.num_heads = num_heads
        self.inward = nn.Linear(hidden_size, 5 * hidden_size, bias=False)
        self.gates = nn.Linear(hidden_size, 5 * num_heads)
        self.outward = BitLinear(hidden_size, hidden_size)
        self.sink = nn.Parameter(torch.zeros(num_heads))

    def forward(self, x):
        heads = lambda t: rearrange(t, "b t (h d) -> b t h d", h=self.num_heads)
        q, k, v, w, wall = map(heads, self.inward(x).chunk(5, dim=-1))
        w, wall = l2norm(w), F.logsigmoid(wall)
        beta, fall, *gates = self.gates(x).chunk(5, dim=-1)
        beta, fall = beta.sigmoid(), F.logsigmoid(fall)
        cmp, slc, swa = [g.sigmoid() for g in gates]
        read = [
            parallel_stickbreaking_attn(q, k, v)[0],
            parallel_parallax(q, w, k, v, window_size=9),
            parallel_wall_attn(q, k, v, wall, g_scalar=fall, sink_bias=self.sink),
            deltaformer_attn(q=q, k=k, v=v, beta=beta),
            parallel_path_attn(q=q, k=k, v=v, w=w, beta=beta, g=fall)[0],
            parallel_moba(q, k, v, chunk_size=8, topk=3),
            parallel_nsa(q, k, v, cmp, slc, swa, block_size=8, block_counts=4, window_size=5),
        ]
        return self.outward(rearrange(sum(read) / len(read), "b t h d -> b t (h d)"))
