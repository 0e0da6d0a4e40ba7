"""Running centring and scaling: the statistics of a step are those of the steps before it."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class PastStatistics(nn.Module):
    """Mean and mean square of the steps strictly before, with a prior worth `weight` steps."""

    def __init__(self, d_model, weight=4.0):
        super().__init__()
        self.weight = weight
        self.mean = nn.Parameter(torch.zeros(d_model))
        self.log_scale = nn.Parameter(torch.zeros(d_model))

    def forward(self, x):
        before = x.cumsum(dim=1) - x
        squares = (x * x).cumsum(dim=1) - x * x
        count = torch.arange(x.shape[1], device=x.device).unsqueeze(-1) + self.weight
        mean = (before + self.weight * self.mean) / count
        square = (squares + self.weight * self.log_scale.exp()) / count
        return mean, square


class CentredMixer(nn.Module):
    def __init__(self, d_model: int, window: int = 6):
        super().__init__()
        self.window = window
        self.value = nn.Linear(d_model, d_model)
        self.statistics = PastStatistics(d_model)
        self.gate = nn.Linear(d_model, d_model)
        self.out = nn.Linear(2 * d_model, d_model)

    def forward(self, x):
        v = self.value(x)
        mean, square = self.statistics(v)
        centred = (v - mean) * torch.rsqrt(square + 1e-4)
        total = torch.cumsum(centred, dim=1)
        lagged = torch.zeros_like(total)
        lagged[:, self.window :] = total[:, : -self.window]
        local = (total - lagged) / self.window
        y = torch.cat([local, torch.tanh(mean)], dim=-1)
        return self.out(y) * torch.sigmoid(self.gate(x))
