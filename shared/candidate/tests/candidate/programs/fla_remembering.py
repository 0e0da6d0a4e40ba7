"""A mean of linear attentions that remember more than a sum: erased by channel, with momentum, preconditioned, solved for,
turning, and of a state per power of two."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

from fla.modules.l2norm import l2norm
from fla.ops.cyfa.chunk import chunk_cyfa
from fla.ops.gdn2 import chunk_gdn2
from fla.ops.log_linear_attn.chunk import chunk_log_linear_attn
from fla.ops.mesa_net import chunk_mesa_net
from fla.ops.momentum_delta_rule import chunk_momentum_delta_rule
from fla.ops.precond_gated_delta_rule import chunk_precond_gated_delta_rule
from fla.ops.precond_kda import chunk_precond_kda
from fla.ops.ttt import chunk_ttt_linear
from fla.ops.utils.cumsum import chunk_global_cumsum, chunk_local_cumsum


class Remembering(nn.Module):
    def __init__(self, hidden_size: int = 64, num_heads: int = 2, slots: int = 6, levels: int = 10):
        super().__init__()
        self.num_heads, self.head_dim = num_heads, hidden_size // num_heads
        self.inward = nn.Linear(hidden_size, 3 * hidden_size, bias=False)
        self.gates = nn.Linear(hidden_size, 3 * num_heads)
        self.channels = nn.Linear(hidden_size, 2 * hidden_size)
        self.shares = nn.Linear(hidden_size, num_heads * levels)
        self.ridge = nn.Parameter(torch.ones(num_heads, self.head_dim))
        self.readout = nn.Parameter(torch.eye(slots - 1).repeat(num_heads, 1, 1))
        self.norm_weight = nn.Parameter(torch.ones(num_heads, self.head_dim))
        self.norm_bias = nn.Parameter(torch.zeros(num_heads, self.head_dim))
        self.scale_q, self.scale_k = [nn.Parameter(torch.ones(self.head_dim)) for _ in range(2)]
        self.outward = nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, x, attention_mask=None, **kwargs):
        heads = lambda t: rearrange(t, "b t (h d) -> b t h d", h=self.num_heads)
        q, k, v = map(heads, self.inward(x).chunk(3, dim=-1))
        k = l2norm(k)
        beta, fall, turn = self.gates(x).chunk(3, dim=-1)
        beta, fall, turn = beta.sigmoid(), F.logsigmoid(fall), turn.sigmoid()
        erase, decay = map(heads, self.channels(x).chunk(2, dim=-1))
        erase, decay = erase.sigmoid(), F.logsigmoid(decay)
        share = F.softplus(heads(self.shares(x)))
        unit = l2norm(q)
        read = [
            chunk_gdn2(q=unit, k=k, v=v, g=decay, b=erase, w=erase)[0],
            chunk_momentum_delta_rule(q=unit, k=k, v=v, log_alpha=fall, log_mu=0.5 * fall, p=k, beta=beta, eta=0.5 * beta)[0],
            chunk_precond_gated_delta_rule(q=unit, k=k, v=v, g=fall, g_atk=fall, beta=beta, beta_atk=beta)[0],
            chunk_precond_kda(q=unit, k=k, v=v, g=decay, g_atk=fall, beta=beta, beta_atk=beta, x=1.2)[0],
            chunk_mesa_net(q=unit, k=k, v=v, g=fall, beta=beta, lamb=0.5 + self.ridge.abs(), max_CG_iteration=4)[0],
            chunk_log_linear_attn(q=unit, k=k, v=v, g=fall, level_scales=share)[0],
            chunk_ttt_linear(q=unit, k=k, v=v, w=self.norm_weight, b=self.norm_bias, eta=0.1 * beta.unsqueeze(-1))[0],
            v * (chunk_local_cumsum(fall, 8) + chunk_global_cumsum(fall, scale=0.5)).exp().unsqueeze(-1),
            chunk_cyfa(
                q=q, k=k, v=v, g=fall, delta=turn, beta=beta, readout=self.readout, q_norm_weight=self.scale_q,
                k_norm_weight=self.scale_k, q_norm_eps=1e-5, k_norm_eps=1e-5,
            )[0],
        ]
        return self.outward(rearrange(sum(read) / len(read), "b t h d -> b t (h d)")), None, None
