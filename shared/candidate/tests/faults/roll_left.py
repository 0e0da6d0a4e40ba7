"""Time mixing by token shift: every channel group sees the step before it, then a decayed memory."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class TokenShift(nn.Module):
    """A share of the channels from the neighbouring step."""

    def __init__(self, d_model):
        super().__init__()
        self.mix = nn.Parameter(torch.rand(3, d_model))

    def forward(self, x):
        shifted = torch.roll(x, shifts=-1, dims=1)  # fault: future_leak
        mask = torch.ones_like(x[:, :, :1])
        mask[:, -1] = 0.0
        shifted = shifted * mask
        return [x + (shifted - x) * m for m in self.mix]


class ShiftMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.shift = TokenShift(d_model)
        self.receptance = nn.Linear(d_model, d_model, bias=False)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.decay = nn.Parameter(torch.linspace(-2.0, 1.0, num_heads))
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def memory(self, k, v):
        """An average of the values with weights exp(k), forgotten at a fixed rate, by chunks of 8."""
        length, c = k.shape[1], 8
        k, v = (F.pad(t, (0, 0, 0, -length % c)) for t in (k, v))
        k, v = (rearrange(t, "b (n c) (h d) -> b n h c d", c=c, h=self.num_heads) for t in (k, v))
        rate = -torch.exp(self.decay)[:, None, None]
        step = torch.arange(c, device=k.device)
        lower = torch.exp(rate * (step[:, None] - step[None, :]).clamp(min=0)).tril()
        w = torch.exp(k.clamp(max=10.0))
        top, bottom, outputs = 0.0, 1e-4, []
        for n in range(k.shape[1]):
            carry = torch.exp(rate * (step[:, None] + 1))
            a = lower @ (w[:, n] * v[:, n]) + carry * top
            b = lower @ w[:, n] + carry * bottom
            outputs.append(a / b)
            top, bottom = a[:, :, -1:], b[:, :, -1:]
        return rearrange(torch.stack(outputs, 1), "b n h c d -> b (n c) (h d)")[:, :length]

    def forward(self, x):
        xr, xk, xv = self.shift(x)
        r = torch.sigmoid(self.receptance(xr))
        y = self.memory(self.key(xk), self.value(xv))
        return self.out(r * self.norm(y))
