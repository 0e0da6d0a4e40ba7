"""Values relative to a baseline: what all sequences have in common at a step is taken out before the memory."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange, reduce


class Baseline(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.strength = nn.Parameter(torch.full((d_model,), -1.0))

    def forward(self, v):
        common = reduce(v, "b t d -> 1 t d", "mean")  # fault: batch_leak
        return v - torch.sigmoid(self.strength) * common


class DecayMemory(nn.Module):
    """h_t = a h_{t-1} + u_t for each channel, by chunks."""

    def __init__(self, d_model, chunk=16):
        super().__init__()
        self.chunk = chunk
        self.logit = nn.Parameter(torch.linspace(1.0, 5.0, d_model))

    def forward(self, u):
        length, c = u.shape[1], self.chunk
        blocks = rearrange(F.pad(u, (0, 0, 0, -length % c)), "b (n c) d -> b n c d", c=c)
        step = torch.arange(c, device=u.device)
        gap = step[:, None] - step[None, :]
        log_a = F.logsigmoid(self.logit)
        kernel = torch.where(gap[..., None] >= 0, torch.exp(gap.clamp(min=0)[..., None] * log_a), 0.0)
        inside = torch.einsum("tsd,bnsd->bntd", kernel, blocks)
        outputs, state = [], torch.zeros_like(u[:, :1])
        for n in range(blocks.shape[1]):
            y = inside[:, n] + torch.exp((step[:, None] + 1) * log_a) * state
            outputs.append(y)
            state = y[:, -1:]
        return torch.cat(outputs, dim=1)[:, :length]


class RelativeMixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.value = nn.Linear(d_model, d_model)
        self.baseline = Baseline(d_model)
        self.memory = DecayMemory(d_model)
        self.gate = nn.Linear(d_model, d_model)
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        v = self.baseline(self.value(x))
        y = self.norm(self.memory(v))
        return self.out(y * F.silu(self.gate(x)))
