"""Top-k choice of filters per token with a straight-through mask, and a sparsemax beside it."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def sparsemax(z: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Projection onto the simplex (Martins and Astudillo 2016, arXiv:1602.02068)."""
    sorted_z, _ = torch.sort(z, dim=dim, descending=True)
    cumulative = sorted_z.cumsum(dim)
    k = torch.arange(1, z.size(dim) + 1, device=z.device, dtype=z.dtype)
    support = 1 + k * sorted_z > cumulative
    size = support.sum(dim=dim, keepdim=True)
    tau = (cumulative.gather(dim, size - 1) - 1) / size
    return torch.clamp(z - tau, min=0)


class Experts(nn.Module):
    def __init__(self, d_model, num_heads=4, num_filters=4, top_k=2, kernel_sizes=(1, 3, 7, 15)):
        super().__init__()
        assert len(kernel_sizes) == num_filters
        self.top_k = top_k
        self.filters = nn.ModuleList(
            nn.Conv1d(d_model, d_model, k, padding=k - 1, groups=d_model, bias=False) for k in kernel_sizes
        )
        for conv in self.filters:
            nn.init.dirac_(conv.weight, groups=d_model) if conv.kernel_size[0] == 1 else nn.init.normal_(conv.weight, std=0.2)
        self.hard, self.soft = nn.Linear(d_model, num_filters), nn.Linear(d_model, num_filters)
        self.proj = nn.Linear(2 * d_model, d_model)

    def forward(self, x):
        t = x.size(1)
        outs = torch.stack([f(x.transpose(1, 2))[..., :t].transpose(1, 2) for f in self.filters], dim=-1)
        p = self.hard(x).softmax(-1)
        _, chosen = torch.topk(p, self.top_k, dim=-1)
        mask = torch.zeros_like(p).scatter_(-1, chosen, 1.0)
        hard = mask * p
        weights = (mask / self.top_k - p).detach() + p + 0.0 * hard
        routed = (outs * weights.unsqueeze(-2)).sum(-1)
        sparse = torch.einsum("btdn,btn->btd", outs, sparsemax(self.soft(x)))
        return self.proj(torch.cat([routed, sparse], dim=-1))
