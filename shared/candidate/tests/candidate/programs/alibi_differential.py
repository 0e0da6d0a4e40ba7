"""Differential attention with ALiBi slopes: the difference of two softmax maps, a norm per head (Ye et al. 2024)."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def get_slopes(n):
    def get_slopes_power_of_2(n):
        start = 2 ** (-(2 ** -(math.log2(n) - 3)))
        ratio = start
        return [start * ratio**i for i in range(n)]

    if math.log2(n).is_integer():
        return get_slopes_power_of_2(n)
    closest_power_of_2 = 2 ** math.floor(math.log2(n))
    return (
        get_slopes_power_of_2(closest_power_of_2)
        + get_slopes(2 * closest_power_of_2)[0::2][: n - closest_power_of_2]
    )


def lambda_init_fn(depth):
    return 0.8 - 0.6 * math.exp(-0.3 * depth)


def init_method(tensor, **kwargs):
    nn.init.kaiming_uniform_(tensor, a=math.sqrt(5))


class DifferentialAttention(nn.Module):
    def __init__(self, embed_dim, num_heads=3, depth=1):
        super().__init__()
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads // 2
        self.scaling = self.head_dim**-0.5
        self.q_proj = nn.Linear(embed_dim, 2 * num_heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(embed_dim, 2 * num_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(embed_dim, 2 * num_heads * self.head_dim, bias=False)
        self.out_proj = nn.Linear(2 * num_heads * self.head_dim, embed_dim, bias=False)
        self.lambda_init = lambda_init_fn(depth)
        for name in ("lambda_q1", "lambda_k1", "lambda_q2", "lambda_k2"):
            setattr(self, name, nn.Parameter(torch.zeros(self.head_dim, dtype=torch.float32).normal_(mean=0, std=0.1)))
        self.subln = nn.RMSNorm(2 * self.head_dim, eps=1e-5, elementwise_affine=True)
        slopes = torch.Tensor(get_slopes(num_heads))
        self.register_buffer("slopes", slopes.view(1, num_heads, 1, 1, 1))
        for module in self.children():
            if isinstance(module, nn.Linear):
                init_method(module.weight)

    def forward(self, x, rel_pos=None, attn_mask=None):
        bsz, tgt_len, embed_dim = x.size()
        q = self.q_proj(x).view(bsz, tgt_len, 2 * self.num_heads, self.head_dim).transpose(1, 2)
        k = self.k_proj(x).view(bsz, tgt_len, 2 * self.num_heads, self.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(bsz, tgt_len, self.num_heads, 2 * self.head_dim).transpose(1, 2)
        q *= self.scaling
        attn_weights = torch.matmul(q, k.transpose(-1, -2)).view(bsz, self.num_heads, 2, tgt_len, tgt_len)
        distance = torch.arange(tgt_len)[None, :] - torch.arange(tgt_len)[:, None]
        attn_weights = attn_weights + distance.to(attn_weights) * self.slopes
        if attn_mask is None:
            attn_mask = torch.triu(
                torch.zeros([tgt_len, tgt_len]).float().fill_(float("-inf")).type_as(attn_weights), 1
            )
        attn_weights = torch.nan_to_num(attn_weights, neginf=-1e9)
        attn_weights += attn_mask
        attn_weights = F.softmax(attn_weights, dim=-1, dtype=torch.float32).type_as(attn_weights)
        lambda_1 = torch.exp(torch.sum(self.lambda_q1 * self.lambda_k1, dim=-1).float()).type_as(q)
        lambda_2 = torch.exp(torch.sum(self.lambda_q2 * self.lambda_k2, dim=-1).float()).type_as(q)
        lambda_full = lambda_1 - lambda_2 + self.lambda_init
        attn_weights = attn_weights[:, :, 0] - lambda_full * attn_weights[:, :, 1]
        attn = torch.matmul(attn_weights, v)
        attn = self.subln(attn)
        attn = attn * (1 - self.lambda_init)
        attn = attn.transpose(1, 2).reshape(bsz, tgt_len, self.num_heads * 2 * self.head_dim)
        return self.out_proj(attn)
