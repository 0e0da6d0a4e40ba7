"""Normalised linear attention with a positive feature map."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

from fla.modules import RMSNorm
from fla.ops.linear_attn import chunk_linear_attn


class FeatureMap(nn.Module):
    def __init__(self, head_dim, kind="elu"):
        super().__init__()
        self.kind = kind
        self.layer = nn.Linear(head_dim, head_dim) if kind == "hedgehog" else nn.Identity()

    def forward(self, x):
        if self.kind == "elu":
            return F.elu(x) + 1
        y = self.layer(x)
        return torch.cat([2 * y, -2 * y], dim=-1).softmax(-1)


class LinearAttentionMixer(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, feature_map: str = "hedgehog", do_feature_map_norm: bool = False):
        super().__init__()
        self.num_heads = num_heads
        self.norm_q = self.norm_k = do_feature_map_norm
        self.feature_map_q = FeatureMap(d_model // num_heads, feature_map)
        self.feature_map_k = FeatureMap(d_model // num_heads, "elu")
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.mix = nn.Linear(d_model // num_heads, 2 * (d_model // num_heads))
        self.norm = RMSNorm(d_model // num_heads, elementwise_affine=True, bias=True)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, *args, **kwargs):
        q, k, v = rearrange(self.qkv(x), "b t (three h d) -> three b t h d", three=3, h=self.num_heads)
        q, k = self.feature_map_q(q), self.mix(self.feature_map_k(k))
        k = F.softplus(k)
        if self.norm_q:
            q = q / (q.sum(-1, keepdim=True) + 1e-4)
        if self.norm_k:
            k = k / (k.sum(-1, keepdim=True) + 1e-4)
        o, _ = chunk_linear_attn(q=q, k=k, v=v, normalize=True)
        return self.out(self.norm(o).reshape(*x.shape))
