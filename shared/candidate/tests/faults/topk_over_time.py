"""A memory that keeps only the strongest tokens: scores choose which values take part in the running average."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Selector(nn.Module):
    """A soft mask from scores: those among the best `keep` of the sequence pass."""

    def __init__(self, d_model, keep):
        super().__init__()
        self.keep = keep
        self.score = nn.Linear(d_model, 1)

    def forward(self, x):
        score = self.score(x).squeeze(-1)
        keep = min(self.keep, score.shape[1])
        threshold = torch.topk(score, keep, dim=1).values[:, -1:]  # fault: future_leak|unproved
        return torch.sigmoid(4.0 * (score - threshold)).unsqueeze(-1)


class SelectiveAverage(nn.Module):
    def __init__(self, d_model: int, keep: int = 16, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.select = Selector(d_model, keep)
        self.value = nn.Linear(d_model, d_model)
        self.query = nn.Linear(d_model, d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        mask = self.select(x)
        v = self.value(x) * mask
        count = mask.cumsum(dim=1) + 1.0
        average = v.cumsum(dim=1) / count
        y = self.norm(average) * torch.sigmoid(self.query(x))
        return self.out(y)
