"""Delta rule by chunks: each chunk corrects a state of fast weights that the later chunks read."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def unit_lower_inverse(lower):
    """(I + L)^-1 of strictly lower triangular L [.., C, C], row by row."""
    size = lower.shape[-1]
    inverse = torch.eye(size, device=lower.device).expand_as(lower).clone()
    for i in range(1, size):
        inverse[..., i, :] = inverse[..., i, :] - (lower[..., i, :i, None] * inverse[..., :i, :]).sum(-2)
    return inverse


def states_of(keys, values, erased):
    """States after every chunk; [B, H, N, C, D]."""
    state = torch.zeros(*keys.shape[:2], keys.shape[-1], values.shape[-1], device=keys.device)
    states = []
    for n in range(keys.shape[2]):
        written = values[:, :, n] - erased[:, :, n] @ state
        state = state + keys[:, :, n].transpose(-1, -2) @ written
        states.append(state)
    return torch.stack(states, dim=2)


class DeltaMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 16):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.beta = nn.Linear(d_model, num_heads)
        self.norm = nn.RMSNorm(d_model // num_heads)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        length, c = x.shape[1], self.chunk_size
        x = F.pad(x, (0, 0, 0, -length % c))
        q, k, v = rearrange(self.qkv(x), "b (n c) (s h d) -> s b h n c d", s=3, c=c, h=self.num_heads)
        beta = torch.sigmoid(rearrange(self.beta(x), "b (n c) h -> b h n c 1", c=c))
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        inverse = unit_lower_inverse((beta * k @ k.transpose(-1, -2)).tril(-1))
        values, erased = inverse @ (beta * v), inverse @ (beta * k)
        states = states_of(k, values, erased)  # [B, H, N, D, D]
        before = F.pad(states, (0, 0, 0, 0, 0, 1))[:, :, 1:]  # fault: future_leak
        written = values - erased @ before
        scores = torch.tril(q @ k.transpose(-1, -2))
        y = q @ before + scores @ written
        y = rearrange(self.norm(y), "b h n c d -> b (n c) (h d)")[:, :length]
        return self.out(y)
