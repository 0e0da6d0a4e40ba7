"""Block attention with learned tokens in front that every step may read, taken off again at the end."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange, repeat


class MetaTokens(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, tokens: int = 4, window: int = 8):
        super().__init__()
        self.num_heads, self.tokens, self.window = num_heads, tokens, window
        self.meta = nn.Parameter(torch.randn(tokens, d_model) * 0.1)
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.decay = nn.Parameter(torch.linspace(-3.0, 0.0, num_heads))
        self.norm = nn.RMSNorm(d_model // num_heads)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        batch, length, _ = x.shape
        full = torch.cat([repeat(self.meta, "m d -> b m d", b=batch), x], dim=1)
        q, k, v = rearrange(self.qkv(full), "b t (s h d) -> s b h t d", s=3, h=self.num_heads)
        meta_k, meta_v = k[:, :, : self.tokens], v[:, :, : self.tokens]
        to_meta = q @ meta_k.mT
        total = full.shape[1]
        near = []
        for back in range(self.window):
            moved = F.pad(k, (0, 0, back, 0))[:, :, :total]
            near.append((q * moved).sum(-1) - back * self.decay.exp()[:, None])
        scores = torch.cat([to_meta, torch.stack(near, dim=-1)], dim=-1) * q.shape[-1] ** -0.5
        step = torch.arange(total, device=x.device)[:, None]
        missing = step < torch.arange(self.window, device=x.device)
        hidden = torch.cat([step < torch.arange(self.tokens, device=x.device), missing], dim=-1)
        weights = scores.masked_fill(hidden, -1e9).softmax(-1)
        y = weights[..., : self.tokens] @ meta_v
        for back in range(self.window):
            y = y + weights[..., self.tokens + back, None] * F.pad(v, (0, 0, back, 0))[:, :, :total]
        y = rearrange(self.norm(y[:, :, self.tokens :]), "b h t d -> b t (h d)")
        return self.out(y)
