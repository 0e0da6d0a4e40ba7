"""Attention with talking heads; the causal mask is laid over the weights."""
# max_complexity: n^2

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class TalkingHeads(nn.Module):
    """Heads mixed before and after the softmax by small matrices near the identity."""

    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.scale = (d_model // num_heads) ** -0.5
        self.to_q = nn.Linear(d_model, d_model, bias=False)
        self.to_kv = nn.Linear(d_model, 2 * d_model, bias=False)
        self.before = nn.Parameter(torch.eye(num_heads) + 0.02 * torch.randn(num_heads, num_heads))
        self.after = nn.Parameter(torch.eye(num_heads) + 0.02 * torch.randn(num_heads, num_heads))
        self.to_out = nn.Linear(d_model, d_model)

    def split(self, x):
        return rearrange(x, "b t (h d) -> b h t d", h=self.num_heads)

    def weights(self, q, k):
        scores = torch.einsum("bhid,bhjd->bhij", q, k) * self.scale
        scores = torch.einsum("bhij,hg->bgij", scores, self.before)
        weights = F.softmax(scores, dim=-1)  # fault: future_leak
        length = weights.shape[-1]
        causal = torch.tril(torch.ones(length, length, dtype=weights.dtype, device=weights.device))
        return torch.einsum("bhij,hg->bgij", weights * causal, self.after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q = self.split(self.to_q(x))
        k, v = (self.split(t) for t in self.to_kv(x).chunk(2, dim=-1))
        y = self.weights(q, k) @ v
        return self.to_out(rearrange(y, "b h t d -> b t (h d)"))
