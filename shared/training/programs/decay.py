"""Linear attention that forgets at a fixed pace per head; no convolution, no gate, no normaliser."""

import torch
import torch.nn as nn
from einops import rearrange


class Mixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.heads = 4
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.register_buffer("pace", torch.log(1 - 2.0 ** (-3 - torch.arange(self.heads))))
        self.norm = nn.RMSNorm(d_model // self.heads, eps=1e-5)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        qkv = self.qkv(x)
        q, k, v = [rearrange(part, "b t (h d) -> b h t d", h=self.heads) for part in qkv.chunk(3, dim=-1)]
        place = torch.arange(x.shape[1])
        age = (place[:, None] - place[None, :]).tril().float()
        kept = torch.exp(age * self.pace[:, None, None])
        scores = (q @ k.transpose(-1, -2) * kept).tril() * q.shape[-1] ** -0.5
        mixed = self.norm(scores @ v)
        return self.out(rearrange(mixed, "b h t d -> b t (h d)"))
