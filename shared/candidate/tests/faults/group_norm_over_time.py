"""Retention by chunks whose heads are normalised by a group norm in channels-first layout."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


def retention(q, k, v, decay, chunk):
    """q, k, v [B, H, T, D]; decay [H], the logarithm per step."""
    length = q.shape[2]
    q, k, v = (F.pad(t, (0, 0, 0, -length % chunk)) for t in (q, k, v))
    q, k, v = (rearrange(t, "b h (n c) d -> n b h c d", c=chunk) for t in (q, k, v))
    step = torch.arange(chunk, device=q.device, dtype=q.dtype)
    distance = step[:, None] - step[None, :]
    mask = torch.where(distance >= 0, torch.exp(distance * decay[:, None, None]), torch.zeros(()))
    start = torch.exp((step + 1) * decay[:, None])[..., None]
    end = torch.exp((chunk - 1 - step) * decay[:, None])[..., None]
    state, outputs = 0.0, []
    for qn, kn, vn in zip(q, k, v):
        y = (qn @ kn.mT * mask) @ vn
        if len(outputs) > 0:
            y = y + (qn * start) @ state
        outputs.append(y)
        state = torch.exp(decay * chunk)[:, None, None] * state + (kn * end).mT @ vn
    return torch.cat(outputs, dim=2)[:, :, :length]


class RetentionBlock(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, chunk_size: int = 32):
        super().__init__()
        self.num_heads, self.chunk_size = num_heads, chunk_size
        self.qkvg = nn.Linear(d_model, 4 * d_model, bias=False)
        self.register_buffer("decay", torch.log1p(-(2.0 ** -torch.linspace(4, 8, num_heads))))
        self.group_norm = nn.GroupNorm(num_heads, d_model, eps=1e-5)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        q, k, v, g = self.qkvg(x).chunk(4, dim=-1)
        q, k, v = (rearrange(t, "b t (h d) -> b h t d", h=self.num_heads) for t in (q, k, v))
        k = k * k.shape[-1] ** -0.5
        y = retention(q, k, v, self.decay, self.chunk_size)
        y = rearrange(y, "b h t d -> b (h d) t")
        y = self.group_norm(y)  # fault: future_leak
        return self.out(y.transpose(1, 2) * F.silu(g))
