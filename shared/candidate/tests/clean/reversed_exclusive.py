"""Decay to the end of a chunk by a reversed running sum within the chunk, used for what the next chunks read."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class ReversedDecay(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 16):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.forget = nn.Linear(d_model, num_heads)
        self.gain = nn.Parameter(torch.ones(num_heads))
        self.norm = nn.RMSNorm(d_model // num_heads)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        length, c = x.shape[1], self.chunk_size
        x = F.pad(x, (0, 0, 0, -length % c))
        q, k, v = rearrange(self.qkv(x), "b (n c) (s h d) -> s b n h c d", s=3, c=c, h=self.num_heads)
        a = rearrange(F.logsigmoid(self.forget(x) + 2.0), "b (n c) h -> b n h c", c=c)
        since = a.cumsum(dim=-1)
        # what is forgotten between a step and the end of its chunk
        until = a.flip(-1).cumsum(-1).flip(-1) - a
        whole = a.sum(dim=-1)[..., None, None].exp()
        gap = since.unsqueeze(-1) - since.unsqueeze(-2)
        place = torch.arange(c, device=x.device)
        weight = torch.where(place[:, None] >= place[None, :], gap, torch.tensor(float("-inf"))).exp()
        inside = torch.einsum("bnhid,bnhjd,bnhij,bnhje->bnhie", q, k, weight, v)
        added = torch.einsum("bnhcd,bnhc,bnhce->bnhde", k, until.exp(), v)
        state, outputs = 0.0 * added[:, 0], []
        for n in range(added.shape[1]):
            read = torch.einsum("bhcd,bhde->bhce", q[:, n] * since[:, n].exp()[..., None], state)
            outputs.append(inside[:, n] + read)
            state = whole[:, n] * state + added[:, n]
        y = torch.stack(outputs, dim=1) * self.gain[:, None, None]
        y = rearrange(self.norm(y), "b n h c d -> b (n c) (h d)")[:, :length]
        return self.out(y)
