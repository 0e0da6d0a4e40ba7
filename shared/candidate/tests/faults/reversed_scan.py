"""Two exponential moving averages of different horizons, read by a gate."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def scan(values, log_decay, chunk=16):
    """h_t = a h_{t-1} + v_t by chunks; values [B, T, D], log_decay [D]."""
    length = values.shape[1]
    values = F.pad(values, (0, 0, 0, -length % chunk))
    values = rearrange(values, "b (n c) d -> b n c d", c=chunk)
    step = torch.arange(chunk, device=values.device)
    distance = step[:, None] - step[None, :]
    kernel = torch.exp(distance[..., None] * log_decay) * (distance >= 0)[..., None]
    inside = torch.einsum("tsd,bnsd->bntd", kernel, values)
    carry = torch.exp((step[:, None] + 1) * log_decay)
    state = torch.zeros_like(values[:, 0, 0])
    outputs = []
    for n in range(values.shape[1]):
        y = inside[:, n] + carry * state[:, None]
        outputs.append(y)
        state = y[:, -1]
    return torch.cat(outputs, dim=1)[:, :length]


class TwoHorizons(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.value = nn.Linear(d_model, 2 * d_model, bias=False)
        self.fast = nn.Parameter(torch.linspace(-1.0, 1.0, d_model))
        self.slow = nn.Parameter(torch.linspace(2.0, 4.0, d_model))
        self.gate = nn.Linear(d_model, 2 * d_model)
        self.norm = nn.RMSNorm(2 * d_model)
        self.out = nn.Linear(2 * d_model, d_model, bias=False)

    def forward(self, x):
        fast, slow = self.value(x).chunk(2, dim=-1)
        fast = scan(fast, F.logsigmoid(self.fast))
        backward = slow.flip(1)  # fault: future_leak
        slow = scan(backward, F.logsigmoid(self.slow)).flip(1)
        both = self.norm(torch.cat([fast, slow], dim=-1))
        return self.out(both * torch.sigmoid(self.gate(x)))
