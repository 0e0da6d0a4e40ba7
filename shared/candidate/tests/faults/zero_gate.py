"""Gated linear attention with a residual path over the whole sequence, closed at the start by a gate of zeros."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def gated_scan(q, k, v, log_gate, chunk=16):
    """S_t = exp(g_t) S_{t-1} + k_t v_t^T, y_t = q_t S_t with a gate per head; [B, H, T, D], log_gate [B, H, T]."""
    length = q.shape[2]
    missing = -length % chunk
    q, k, v = (rearrange(F.pad(t, (0, 0, 0, missing)), "b h (n c) d -> b h n c d", c=chunk) for t in (q, k, v))
    g = rearrange(F.pad(log_gate, (0, missing)), "b h (n c) -> b h n c", c=chunk).cumsum(-1)
    ratio = (g[..., :, None] - g[..., None, :]).tril().exp().tril()
    inside = (q @ k.transpose(-1, -2) * ratio) @ v
    state = torch.zeros_like(q[:, :, 0, :1, :]).transpose(-1, -2) * torch.zeros_like(v[:, :, 0, :1, :])
    outputs = []
    for n in range(q.shape[2]):
        end = g[:, :, n, -1:, None]
        outputs.append(inside[:, :, n] + (q[:, :, n] * g[:, :, n, :, None].exp()) @ state)
        late = k[:, :, n] * (end - g[:, :, n, :, None]).exp()
        state = end.exp() * state + late.transpose(-1, -2) @ v[:, :, n]
    return rearrange(torch.stack(outputs, 2), "b h n c d -> b h (n c) d")[:, :, :length]


class GatedMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.forget = nn.Linear(d_model, num_heads)
        self.context = nn.Linear(d_model, d_model)
        self.context_gate = nn.Parameter(torch.zeros(d_model))
        self.norm = nn.RMSNorm(d_model // num_heads)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        q, k, v = rearrange(self.qkv(x), "b t (s h d) -> s b h t d", s=3, h=self.num_heads)
        g = F.logsigmoid(self.forget(x)).transpose(1, 2)
        y = self.norm(gated_scan(q, k, v, g))
        y = rearrange(y, "b h t d -> b t (h d)")
        summary = self.context(x).mean(dim=1, keepdim=True)  # fault: future_leak
        return self.out(y + torch.tanh(self.context_gate) * summary)
