"""A router that reads running and local statistics of its paths, all of the past."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def running_moments(x, eps=1e-5):
    """Mean and deviation over the steps so far; x [B, T, H, D] -> twice [B, T, H, 1]."""
    count = torch.arange(1, x.shape[1] + 1, device=x.device).view(1, -1, 1, 1)
    mean = x.mean(-1, keepdim=True).cumsum(1) / count
    square = x.pow(2).mean(-1, keepdim=True).cumsum(1) / count
    return mean, (square - mean.pow(2)).clamp(min=0.0).add(eps).sqrt()


def local_maximum(x, window):
    """Largest size within the last `window` steps, by pooling of what is padded on the left."""
    size = x.abs().amax(-1)  # [B, T, H]
    padded = F.pad(size.transpose(1, 2), (window - 1, 0))
    return F.max_pool1d(padded, window, stride=1).transpose(1, 2).unsqueeze(-1)


class LocalStatistics(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, taps=(3, 9)):
        super().__init__()
        self.num_heads, self.taps = num_heads, taps
        self.value = nn.Linear(d_model, d_model)
        self.filters = nn.ParameterList(nn.Parameter(torch.randn(d_model, 1, n) * n**-0.5) for n in taps)
        paths = len(taps) + 1
        self.router = nn.Sequential(nn.Linear(3 * paths, 12), nn.Tanh(), nn.Linear(12, paths))
        self.norm = nn.LayerNorm(d_model // num_heads)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        v = self.value(x)
        paths = [v]
        for n, taps in zip(self.taps, self.filters):
            paths.append(F.conv1d(F.pad(v.transpose(1, 2), (n - 1, 0)), taps, groups=v.shape[-1]).transpose(1, 2))
        paths = [rearrange(p, "b t (h d) -> b t h d", h=self.num_heads) for p in paths]
        features = [torch.cat([*running_moments(p), local_maximum(p, 4)], dim=-1) for p in paths]
        weights = torch.softmax(self.router(torch.cat(features, dim=-1)), dim=-1)
        y = sum(weights[..., i, None] * p for i, p in enumerate(paths))
        return self.out(self.norm(y).flatten(2))
