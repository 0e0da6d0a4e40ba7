"""Longhorn (Liu et al. 2024): the state that best recalls x_t at key k_t without leaving s_{t-1} is, in closed form and
channel by channel, s_t = (1 - e k k) s_{t-1} + e x k with e = b / (1 + b |k|^2), its matrix kept diagonal."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Recall(nn.Module):
    def __init__(self, channels, states, rank):
        super().__init__()
        self.query, self.key = (nn.Linear(channels, states, bias=False) for _ in range(2))
        self.strength = nn.Sequential(nn.Linear(channels, rank, bias=False), nn.Linear(rank, channels), nn.Sigmoid())
        self.direct = nn.Parameter(torch.ones(channels))
        with torch.no_grad():
            self.strength[1].weight.uniform_(-(rank**-0.5), rank**-0.5)
            self.strength[1].bias.fill_(0.0)

    @staticmethod
    def solve(kept, put):
        """s_t = kept_t s_{t-1} + put_t along dimension 1, doubling the spans that are solved."""
        length, span = kept.shape[1], 1
        while span < length:
            room = (0, 0) * (kept.dim() - 2) + (span, 0)
            earlier_put = F.pad(put[:, : length - span], room)
            earlier_kept = F.pad(kept[:, : length - span], room, value=1.0)
            put, kept = torch.addcmul(put, kept, earlier_put), kept * earlier_kept
            span <<= 1
        return put

    def forward(self, x):
        key, b = self.key(x), self.strength(x)
        power = key.square()
        e = (b / (1 + b * power.sum(dim=-1, keepdim=True)))[..., None]
        state = self.solve(1 - e * power.unsqueeze(2), e * x.unsqueeze(-1) * key.unsqueeze(2))
        return torch.einsum("btdn,btn->btd", state, self.query(x)) + self.direct * x


class RecallBlock(nn.Module):
    def __init__(self, d_model, states=4, taps=3, widening=2, rank="auto"):
        super().__init__()
        inner = int(widening * d_model)
        self.enter = nn.Linear(d_model, 2 * inner, bias=False)
        self.local = nn.Conv1d(inner, inner, taps, groups=inner, padding=taps - 1)
        self.recall = Recall(inner, states, math.ceil(d_model / 16) if rank == "auto" else rank)
        self.leave = nn.Linear(inner, d_model, bias=False)

    def forward(self, hidden_states):
        x, gate = self.enter(hidden_states).chunk(2, dim=-1)
        x = F.silu(self.local(x.mT)[..., : hidden_states.shape[1]]).mT
        return self.leave(F.silu(gate) * self.recall(x))
