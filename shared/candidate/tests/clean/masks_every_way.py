"""Five heads, each with its causal mask written in another way."""
# max_complexity: n^2

import torch
import torch.nn as nn
import torch.nn.functional as F


def by_tril(scores):
    length = scores.shape[-1]
    keep = torch.tril(torch.ones(length, length, device=scores.device))
    return scores.masked_fill(keep == 0, float("-inf")).softmax(-1)


def by_added_triu(scores):
    bias = torch.full(scores.shape[-2:], -1e9, device=scores.device)
    return F.softmax(scores + torch.triu(bias, diagonal=1), dim=-1)


def by_positions(scores):
    place = torch.arange(scores.shape[-1], device=scores.device)
    future = place[None, :] > place[:, None]
    return torch.where(future, torch.finfo(scores.dtype).min, scores).softmax(dim=-1)


def by_product(scores):
    """A softmax written out: exponentials, masked after, and a quotient."""
    length = scores.shape[-1]
    keep = ~torch.ones(length, length, dtype=torch.bool, device=scores.device).triu(1)
    top = torch.where(keep, scores, torch.full_like(scores, -torch.inf)).amax(-1, keepdim=True)
    raw = torch.exp((scores - top).clamp(max=0.0)) * keep
    return raw / raw.sum(-1, keepdim=True)


def by_cumulated_ones(scores):
    ones = torch.ones_like(scores[0, :, 0])
    count = ones.cumsum(0)
    late = (count.unsqueeze(0) - count.unsqueeze(1)).clamp(min=0.0)
    return (scores - late * 1e12).softmax(-1)


class ManyMasks(nn.Module):
    def __init__(self, d_model: int, head_dim: int = 8):
        super().__init__()
        self.ways = [by_tril, by_added_triu, by_positions, by_product, by_cumulated_ones]
        self.head_dim = head_dim
        self.qkv = nn.ModuleList(nn.Linear(d_model, 3 * head_dim, bias=False) for _ in self.ways)
        self.out = nn.Linear(len(self.ways) * head_dim, d_model)

    def forward(self, x):
        heads = []
        for project, way in zip(self.qkv, self.ways):
            q, k, v = project(x).split(self.head_dim, dim=-1)
            weights = way(q @ k.transpose(1, 2) * self.head_dim**-0.5)
            heads.append(weights @ v)
        return self.out(torch.cat(heads, dim=-1))
