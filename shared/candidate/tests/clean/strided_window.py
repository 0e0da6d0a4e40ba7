"""Windows by as_strided-like indexing: a table of positions picks the keys that each step may see."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange


class DilatedNeighbours(nn.Module):
    """Every step sees itself and steps 1, 2, 4, 8, .. before it."""

    def __init__(self, d_model: int, num_heads: int = 4, reach: int = 5):
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = d_model // num_heads
        offsets = torch.tensor([0] + [2**i for i in range(reach)])
        self.register_buffer("offsets", offsets, persistent=False)
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.bias = nn.Parameter(torch.zeros(num_heads, reach + 1))
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        length = x.shape[1]
        q, k, v = rearrange(self.qkv(x), "b t (s h d) -> s b h t d", s=3, h=self.num_heads)
        place = torch.arange(length, device=x.device).unsqueeze(-1) - self.offsets
        missing = place < 0
        place = place.clamp(min=0)
        k, v = k[:, :, place], v[:, :, place]  # [B, H, T, R, D]
        scores = torch.einsum("bhtd,bhtrd->bhtr", q, k) * self.head_dim**-0.5 + self.bias[:, None]
        weights = scores.masked_fill(missing, float("-inf")).softmax(-1)
        y = torch.einsum("bhtr,bhtrd->bhtd", weights, v)
        return self.out(self.norm(rearrange(y, "b h t d -> b t (h d)")))
