"""Delta rule with a triangular inverse made row by row in place, and a correction by the last row of each chunk."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def forward_substitution(lower):
    """(I + L)^-1 - I of strictly lower L [.., C, C], in place on a copy."""
    inverse = -lower.clone()
    for i in range(1, lower.shape[-1]):
        row = inverse[..., i, :i].clone()
        inverse[..., i, :i] = row + (row.unsqueeze(-1) * inverse[..., :i, :i]).sum(dim=-2)
    return inverse


class RowDelta(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 12):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.beta = nn.Linear(d_model, num_heads)
        self.norm = nn.LayerNorm(d_model // num_heads)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        length, c = x.shape[1], self.chunk_size
        padding = (c - length % c) % c
        x = F.pad(x, (0, 0, 0, padding))
        q, k, v = rearrange(self.qkv(x), "b (n c) (s h d) -> s b h n c d", s=3, c=c, h=self.num_heads)
        beta = rearrange(self.beta(x).sigmoid(), "b (n c) h -> b h n c 1", c=c)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        above = torch.triu(torch.ones(c, c, dtype=torch.bool, device=x.device), diagonal=0)
        gram = torch.einsum("bhncd,bhnmd->bhncm", beta * k, k).masked_fill(above, 0)
        solve = forward_substitution(gram) + torch.eye(c, device=x.device)
        values, erased = solve @ (beta * v), solve @ (beta * k)
        state = torch.zeros_like(q[:, :, 0, 0, :, None] * v[:, :, 0, 0, None, :])
        y = torch.zeros_like(v)
        strictly = torch.triu(torch.ones(c, c, dtype=torch.bool, device=x.device), diagonal=1)
        for n in range(v.shape[2]):
            written = values[:, :, n] - erased[:, :, n] @ state
            scores = (q[:, :, n] @ k[:, :, n].transpose(-1, -2)).masked_fill_(strictly, 0)
            y[:, :, n] = q[:, :, n] @ state + scores @ written
            state = state + k[:, :, n].transpose(-1, -2) @ written
        y = rearrange(self.norm(y), "b h n c d -> b (n c) (h d)")
        return self.out(y[:, :length] if padding > 0 else y)
