"""The delta rule with a decay per channel (Kimi Linear, 2025): S_t = (I - b_t k_t k_t^T) diag(d_t) S_{t-1} + b_t k_t v_t^T
and o_t = S_t^T q_t. In a chunk, the corrections u solve a triangular system, row after row."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class PastConv(nn.Conv1d):
    def __init__(self, dim: int, taps: int = 4):
        super().__init__(dim, dim, taps, groups=dim, bias=False, padding=taps - 1)

    def forward(self, x):
        return F.silu(super().forward(x.mT)[..., : x.shape[1]]).mT


def decayed_products(a, k, until):
    """P_ts = sum_d a_td k_sd exp(until_td - until_sd) for s <= t; a column at a time: [.., c, d] -> [.., c, c]."""
    size = a.shape[-2]
    products = torch.zeros(*a.shape[:-1], size, dtype=torch.float, device=a.device)
    for s in range(size):
        reach = torch.exp((until - until[..., s : s + 1, :]).clamp(max=0.0))
        products[..., s] = torch.einsum("... t d, ... d -> ... t", a * reach, k[..., s, :])
    return products.tril()


def correct(wanted, products, strength):
    """u_t = strength_t (wanted_t - sum_{s < t} products_ts u_s)."""
    u = torch.zeros_like(wanted)
    for t in range(wanted.shape[-2]):
        known = (products[..., t, :t, None] * u[..., :t, :].clone()).sum(-2)
        u[..., t, :] = strength[..., t, None] * (wanted[..., t, :] - known)
    return u


def delta_chunks(q, k, v, log_decay, strength, size: int = 16):
    """q, k, v, log_decay [b, t, h, d], strength [b, t, h] -> [b, t, h, d]."""
    steps = q.shape[1]
    room = -steps % size
    q, k, v, log_decay = (F.pad(x, (0, 0, 0, 0, 0, room)).float() for x in (q, k, v, log_decay))
    q, k, v, log_decay = (rearrange(x, "b (n c) h d -> n b h c d", c=size) for x in (q, k, v, log_decay))
    strength = rearrange(F.pad(strength, (0, 0, 0, room)).float(), "b (n c) h -> n b h c", c=size)
    until = log_decay.cumsum(-2)
    among, asked = decayed_products(k, k, until), decayed_products(q, k, until)
    state = k.new_zeros(*k.shape[1:3], k.shape[-1], v.shape[-1])
    out = torch.zeros_like(v)
    for n in range(len(q)):
        since = until[n].exp()
        u = correct(v[n] - (k[n] * since) @ state, among[n], strength[n])
        out[n] = (q[n] * since) @ state + asked[n] @ u
        last = until[n][..., -1:, :]
        state = state * last.exp().mT
        state += (k[n] * (last - until[n]).exp()).mT @ u
    return rearrange(out, "n b h c d -> b (n c) h d")[:, :steps]


class ChannelDecayDelta(nn.Module):
    def __init__(self, hidden_size: int, num_heads: int = 2, taps: int = 4, rank: int = 4):
        super().__init__()
        self.num_heads = num_heads
        for part in "qkv":
            self.add_module(part, nn.Sequential(nn.Linear(hidden_size, hidden_size, bias=False), PastConv(hidden_size, taps)))
        low_rank = lambda: nn.Sequential(nn.Linear(hidden_size, rank, bias=False), nn.Linear(rank, hidden_size))
        self.decay, self.gate = low_rank(), low_rank()
        self.log_rate = nn.Parameter(torch.empty(num_heads, 1, dtype=torch.float32).uniform_(-2.0, 0.0))
        self.strength = nn.Linear(hidden_size, num_heads, bias=False)
        self.norm = nn.RMSNorm(hidden_size // num_heads, eps=1e-5)
        self.out = nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, hidden_states, attention_mask=None, **kwargs):
        heads = lambda x: x.unflatten(-1, (self.num_heads, -1))
        q, k, v = (heads(getattr(self, part)(hidden_states)) for part in "qkv")
        q, k = F.normalize(q, p=2, dim=-1), F.normalize(k, p=2, dim=-1)
        log_decay = -0.1 * self.log_rate.exp() * F.softplus(heads(self.decay(hidden_states)))
        y = delta_chunks(q / math.sqrt(q.shape[-1]), k, v, log_decay, torch.sigmoid(self.strength(hidden_states)))
        y = self.norm(y.to(v.dtype)) * torch.sigmoid(heads(self.gate(hidden_states)))
        return self.out(y.flatten(2)), None
