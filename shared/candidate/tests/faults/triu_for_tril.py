"""Linear attention with a fixed decay per head, computed by chunks."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class DecayAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 32):
        super().__init__()
        self.h, self.c = num_heads, chunk_size
        self.to_q = nn.Linear(d_model, d_model, bias=False)
        self.to_k = nn.Linear(d_model, d_model, bias=False)
        self.to_v = nn.Linear(d_model, d_model, bias=False)
        self.to_gate = nn.Linear(d_model, d_model, bias=False)
        decay = torch.log(1 - 2.0 ** (-5 - torch.arange(num_heads, dtype=torch.float32)))
        self.register_buffer("decay", decay)
        self.norm = nn.GroupNorm(num_heads, d_model)
        self.to_out = nn.Linear(d_model, d_model, bias=False)

    def chunks(self, x):
        x = rearrange(x, "b t (h d) -> b h t d", h=self.h)
        x = F.pad(x, (0, 0, 0, -x.shape[2] % self.c))
        return rearrange(x, "b h (n c) d -> b h n c d", c=self.c)

    def forward(self, x):
        length = x.shape[1]
        q, k, v = self.chunks(self.to_q(x)), self.chunks(self.to_k(x)), self.chunks(self.to_v(x))
        step = torch.arange(self.c, device=x.device)
        distance = (step[:, None] - step[None, :]).abs()
        weight = torch.exp(self.decay[:, None, None] * distance).triu()  # fault: future_leak
        inside = q @ k.transpose(-1, -2) * weight[:, None]
        intra = inside @ v
        from_start = torch.exp(self.decay[:, None] * (step + 1))[..., None]
        to_end = torch.exp(self.decay[:, None] * (self.c - 1 - step))[..., None]
        whole = torch.exp(self.decay * self.c)[:, None, None]
        state = torch.zeros(x.shape[0], self.h, q.shape[-1], v.shape[-1], device=x.device)
        outputs = []
        for n in range(q.shape[2]):
            outputs.append(intra[:, :, n] + (q[:, :, n] * from_start) @ state)
            state = whole * state + (k[:, :, n] * to_end).transpose(-1, -2) @ v[:, :, n]
        y = rearrange(torch.stack(outputs, dim=2), "b h n c d -> (b n c) (h d)")
        y = self.norm(y)
        y = rearrange(y, "(b t) d -> b t d", b=x.shape[0])[:, :length]
        return self.to_out(y * F.silu(self.to_gate(x)))
