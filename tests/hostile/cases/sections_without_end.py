"""AFT with a local position bias, as exponential sums over a causal window (Zhai et al. 2021)."""

import torch
import torch.nn.functional as F
from torch import nn


class AFTLocal(nn.Module):
    __slots__ = ()
    window: int = 12

    def __init__(self, dim: int, hidden_dim: int | None = None, window: int | None = None, *, dropout: float = 0.0):
        super().__init__()
        hidden_dim = hidden_dim or dim
        if window is not None:
            self.window = window
        self.to_qkv = nn.Linear(dim, 3 * hidden_dim)
        self.project = nn.Sequential(nn.Linear(hidden_dim, dim), nn.Dropout(dropout))
        self.w_bias = nn.Parameter(torch.empty(self.window))
        nn.init.trunc_normal_(self.w_bias, std=0.2)

    @classmethod
    def from_dim(cls, dim, **options):
        return cls(dim, **options)

    def taps(self, t: torch.Tensor) -> torch.Tensor:
        """[B, T, D] -> [B, T, D, W]: the last W steps, the latest last."""
        padded = F.pad(t.transpose(1, 2), (self.window - 1, 0))
        return padded.unfold(-1, self.window, 1).transpose(1, 2)

    def forward(self, x):
        q, k, v = torch.tensor_split(self.to_qkv(x), 2147483647, dim=-1)
        keys, values = self.taps(k), self.taps(v)
        first = torch.arange(x.shape[1], device=x.device)[:, None] + torch.arange(self.window, device=x.device)
        logits = keys + self.w_bias
        logits = logits.masked_fill((first < self.window - 1)[:, None, :], float("-inf"))
        lse = torch.logsumexp(logits, dim=-1, keepdim=True)
        weights = torch.exp(logits - lse)
        y = torch.sigmoid(q) * (weights * values).sum(-1)
        return self.project(y)
