"""Masked segment sums: decays between any two steps of a chunk, and between chunks by the sums over whole chunks."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange, repeat


def segment_sum(x):
    """x [.., T] -> [.., T, T]: sum over (s, t] at row t and column s, -inf above the diagonal."""
    length = x.size(-1)
    x = repeat(x, "... d -> ... d e", e=length)
    strictly = torch.tril(torch.ones(length, length, device=x.device, dtype=torch.bool), diagonal=-1)
    x = x.masked_fill(~strictly, 0)
    total = torch.cumsum(x, dim=-2)
    lower = torch.tril(torch.ones(length, length, device=x.device, dtype=torch.bool), diagonal=0)
    return total.masked_fill(~lower, -torch.inf)


class SegmentMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 16, d_state: int = 8):
        super().__init__()
        self.num_heads, self.chunk_size, self.d_state = num_heads, chunk_size, d_state
        self.x_proj = nn.Linear(d_model, d_model)
        self.bc_proj = nn.Linear(d_model, 2 * num_heads * d_state)
        self.a_proj = nn.Linear(d_model, num_heads)
        self.skip = nn.Parameter(torch.ones(num_heads, 1))
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, u):
        length, c = u.shape[1], self.chunk_size
        u = F.pad(u, (0, 0, 0, -length % c))
        x = rearrange(self.x_proj(u), "b (n c) (h p) -> b h n c p", c=c, h=self.num_heads)
        b, g = rearrange(self.bc_proj(u), "b (n c) (s h d) -> s b h n c d", s=2, c=c, h=self.num_heads)
        a = -F.softplus(rearrange(self.a_proj(u), "b (n c) h -> b h n c", c=c))
        inside = (g @ b.mT * torch.exp(segment_sum(a))) @ x
        run = a.cumsum(-1)
        late = torch.exp(run[..., -1:] - run)
        added = torch.einsum("bhncd,bhnc,bhncp->bhndp", b, late, x)
        state, states = torch.zeros_like(added[:, :, 0]), []
        for n in range(added.shape[2]):
            states.append(state)
            state = run[:, :, n, -1, None, None].exp() * state + added[:, :, n]
        y = inside + (g * run.exp().unsqueeze(-1)) @ torch.stack(states, dim=2)
        y = y + self.skip[:, None, None] * x
        y = rearrange(y, "b h n c p -> b (n c) (h p)")[:, :length]
        return self.out(self.norm(y))
