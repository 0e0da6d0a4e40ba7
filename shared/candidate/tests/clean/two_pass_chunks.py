"""States of all chunks at once by a strictly lower triangular product between chunks of a bounded horizon."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class BoundedHorizon(nn.Module):
    """A chunk reads the states added by the `horizon` chunks before it, each with a learned weight."""

    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 8, horizon: int = 4):
        super().__init__()
        self.num_heads, self.chunk_size, self.horizon = num_heads, chunk_size, horizon
        self.qk = nn.Linear(d_model, 2 * d_model, bias=False)
        self.v = nn.Linear(d_model, d_model, bias=False)
        self.weight = nn.Parameter(torch.linspace(0.5, 1.0, horizon).repeat(num_heads, 1))
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def split(self, x):
        return rearrange(x, "b (n c) (h d) -> b h n c d", c=self.chunk_size, h=self.num_heads)

    def forward(self, x):
        length = x.shape[1]
        x = F.pad(x, (0, 0, 0, -length % self.chunk_size))
        q, k = (self.split(F.elu(t) + 1) for t in self.qk(x).chunk(2, dim=-1))
        v = self.split(self.v(x))
        added = k.transpose(-2, -1) @ v
        history = F.pad(added, (0, 0, 0, 0, self.horizon, 0))
        count = added.shape[2]
        state = 0
        for i in range(self.horizon):
            state = state + self.weight[:, i, None, None, None] * history[:, :, i : i + count]
        scores = torch.einsum("bhnid,bhnjd->bhnij", q, k)
        order = torch.arange(self.chunk_size, device=x.device)
        scores = scores * order[:, None].ge(order[None, :]).to(scores)
        y = (scores @ v + q @ state) / (self.chunk_size * self.horizon)
        return self.out(self.norm(rearrange(y, "b h n c d -> b (n c) (h d)")[:, :length]))
