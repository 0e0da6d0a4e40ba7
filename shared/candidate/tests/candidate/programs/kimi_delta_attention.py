"""Delta attention with a decay per channel, chunked by forward substitution in slice assignments (after Kimi Linear 2025)."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class ShortConv(nn.Conv1d):
    def __init__(self, dim: int, width: int = 4):
        super().__init__(dim, dim, width, groups=dim, bias=False, padding=width - 1)

    def forward(self, x):
        return F.silu(super().forward(x.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))


def chunk_kda(q, k, v, g, beta, chunk_size: int = 16):
    """q, k, v, g: [b, t, h, d], g log decays; beta: [b, t, h]."""
    dtype = v.dtype
    b, t, h, d = q.shape
    pad = (chunk_size - t % chunk_size) % chunk_size
    q, k, v, g = [F.pad(x, (0, 0, 0, 0, 0, pad)) for x in (q, k, v, g)]
    beta = F.pad(beta, (0, 0, 0, pad))
    q, k, v, g = [rearrange(x, "b (n c) h d -> b h n c d", c=chunk_size).float() for x in (q, k, v, g)]
    beta = rearrange(beta, "b (n c) h -> b h n c", c=chunk_size).float()
    q = q * d**-0.5
    g = g.cumsum(-2)
    A = torch.zeros(*q.shape[:-1], chunk_size, dtype=torch.float, device=q.device)
    for i in range(chunk_size):
        k_i, g_i = k[..., i, :], g[..., i : i + 1, :]
        A[..., i] = torch.einsum("... c d, ... d -> ... c", k * (g - g_i).exp(), k_i)
    A = A * beta[..., None]
    mask = torch.triu(torch.ones(chunk_size, chunk_size, dtype=torch.bool, device=q.device), diagonal=0)
    A = -A.masked_fill(mask, 0)
    for i in range(1, chunk_size):
        A[..., i, :i] = A[..., i, :i].clone() + (A[..., i, :, None].clone() * A[..., :, :i].clone()).sum(-2)
    A = (A + torch.eye(chunk_size, dtype=torch.float, device=q.device)) * beta[..., None, :]
    w = A @ (g.exp() * k)
    u = A @ v
    S = k.new_zeros(b, h, d, v.shape[-1])
    o = torch.zeros_like(v)
    mask = torch.triu(torch.ones(chunk_size, chunk_size, dtype=torch.bool, device=q.device), diagonal=1)
    for i in range(o.shape[2]):
        q_i, k_i, u_i, g_i, w_i = q[:, :, i], k[:, :, i], u[:, :, i], g[:, :, i], w[:, :, i]
        scores = torch.zeros(b, h, chunk_size, chunk_size, dtype=torch.float, device=q.device)
        for j in range(chunk_size):
            k_j, g_j = k[:, :, i, j], g[:, :, i, j : j + 1, :]
            scores[..., j] = torch.einsum("... c d, ... d -> ... c", q_i * (g_i - g_j).exp(), k_j)
        scores = scores.masked_fill(mask, 0)
        v_i = u_i - w_i @ S
        o[:, :, i] = (q_i * g_i.exp()) @ S + scores @ v_i
        S = S * rearrange(g_i[:, :, -1].exp(), "b h k -> b h k 1")
        S += rearrange((g_i[:, :, -1:] - g_i).exp() * k_i, "b h c k -> b h k c") @ v_i
    return rearrange(o, "b h n c d -> b (n c) h d")[:, :t].to(dtype)


class KimiDeltaAttention(nn.Module):
    def __init__(self, hidden_size: int, num_heads: int = 2, conv_size: int = 4, gate_rank: int = 4):
        super().__init__()
        self.num_heads, self.head_dim = num_heads, hidden_size // num_heads
        for name in "qkv":
            self.add_module(f"{name}_proj", nn.Linear(hidden_size, hidden_size, bias=False))
            self.add_module(f"{name}_conv1d", ShortConv(hidden_size, conv_size))
        self.f_proj = nn.Sequential(nn.Linear(hidden_size, gate_rank, bias=False), nn.Linear(gate_rank, hidden_size, bias=False))
        self.b_proj = nn.Linear(hidden_size, num_heads, bias=False)
        self.A_log = nn.Parameter(torch.log(torch.empty(num_heads, dtype=torch.float32).uniform_(1, 4)))
        self.dt_bias = nn.Parameter(torch.zeros(hidden_size))
        self.g_proj = nn.Sequential(nn.Linear(hidden_size, gate_rank, bias=False), nn.Linear(gate_rank, hidden_size, bias=True))
        self.o_norm = nn.RMSNorm(self.head_dim, eps=1e-5)
        self.o_proj = nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False, **kwargs):
        heads = lambda x: rearrange(x, "b t (h d) -> b t h d", d=self.head_dim)
        q, k, v = (heads(getattr(self, f"{n}_conv1d")(getattr(self, f"{n}_proj")(hidden_states))) for n in "qkv")
        q, k = F.normalize(q, p=2, dim=-1), F.normalize(k, p=2, dim=-1)
        g = heads(self.f_proj(hidden_states) + self.dt_bias)
        g = -0.1 * self.A_log.float().exp().view(1, 1, -1, 1) * F.softplus(g.float())
        beta = self.b_proj(hidden_states).float().sigmoid()
        o = chunk_kda(q, k, v, g, beta)
        o = self.o_norm(o) * torch.sigmoid(heads(self.g_proj(hidden_states)))
        return self.o_proj(o.flatten(2)), None, past_key_values
