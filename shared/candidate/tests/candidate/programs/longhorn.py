"""Longhorn: the state space model that solves online regression in closed form (Liu et al. 2024), scanned by doubling."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Longhorn(nn.Module):
    def __init__(self, d_model, d_state=4, d_conv=3, expand=2, dt_rank="auto", conv_bias=True, bias=False, layer_idx=None):
        super().__init__()
        self.d_inner = int(expand * d_model)
        self.d_state = d_state
        self.dt_rank = math.ceil(d_model / 16) if dt_rank == "auto" else dt_rank
        self.layer_idx = layer_idx
        self.in_proj = nn.Linear(d_model, self.d_inner * 2, bias=bias)
        self.conv1d = nn.Conv1d(self.d_inner, self.d_inner, d_conv, groups=self.d_inner, padding=d_conv - 1, bias=conv_bias)
        self.q_proj = nn.Linear(self.d_inner, d_state, bias=False)
        self.k_proj = nn.Linear(self.d_inner, d_state, bias=False)
        self.dt_head = nn.Sequential(nn.Linear(self.d_inner, self.dt_rank, bias=False), nn.Linear(self.dt_rank, self.d_inner))
        self.D = nn.Parameter(torch.ones(self.d_inner))
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=bias)
        with torch.no_grad():
            std = self.dt_rank**-0.5
            self.dt_head[1].weight.uniform_(-std, std)
            self.dt_head[1].bias.fill_(0.0)

    @staticmethod
    def scan(a, u):
        """h_t = a_t h_{t-1} + u_t along dimension 1."""
        steps = math.ceil(math.log2(a.shape[1])) if a.shape[1] > 1 else 0
        for s in range(steps):
            shift = 1 << s
            pad = (0, 0) * (a.dim() - 2) + (shift, 0)
            u = u + a * F.pad(u[:, :-shift], pad)
            a = a * F.pad(a[:, :-shift], pad, value=1.0)
        return u

    def forward(self, hidden_states, inference_params=None):
        length = hidden_states.shape[1]
        x, z = self.in_proj(hidden_states).chunk(2, dim=-1)
        x = F.silu(self.conv1d(x.mT)[..., :length]).mT
        q, k = self.q_proj(x), self.k_proj(x)
        beta = torch.sigmoid(self.dt_head(x))
        k2 = k.square()
        epsilon = beta / (1 + beta * k2.sum(dim=-1, keepdim=True))
        forget = 1 - epsilon[..., None] * k2[:, :, None, :]
        update = (epsilon * x)[..., None] * k[:, :, None, :]
        state = self.scan(forget, update)
        y = torch.einsum("blds,bls->bld", state, q)
        y = y + x * self.D
        return self.out_proj(y * F.silu(z))
