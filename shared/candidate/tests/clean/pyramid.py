"""A pyramid of strided means: each level halves the sequence, and is read with the delay that its pools need."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Pyramid(nn.Module):
    def __init__(self, d_model: int, levels: int = 3):
        super().__init__()
        self.levels = levels
        self.maps = nn.ModuleList(nn.Linear(d_model, d_model) for _ in range(levels))
        self.weights = nn.Linear(d_model, levels + 1)
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def complete_only(self, level, size, length):
        """Entry n of a level is complete after step (n + 1) * size - 1; earlier steps read entry n - 1."""
        held = torch.cat([torch.zeros_like(level[:, :1]), level], dim=1)
        step = torch.arange(length, device=level.device)
        return held[:, (step + 1) // size]

    def forward(self, x):
        length = x.shape[1]
        full = 2**self.levels
        h = F.pad(x, (0, 0, 0, -length % full))
        paths = [x]
        for i, project in enumerate(self.maps):
            h = 0.5 * (h[:, 0::2] + h[:, 1::2])
            paths.append(self.complete_only(torch.tanh(project(h)), 2 ** (i + 1), length))
        weights = F.softmax(self.weights(x), dim=-1).unsqueeze(-2)
        y = (torch.stack(paths, dim=-1) * weights).sum(-1)
        return self.out(self.norm(y))
