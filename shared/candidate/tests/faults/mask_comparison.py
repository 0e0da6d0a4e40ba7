"""Grouped-query attention with a mask made from positions and a bias of relative positions."""
# max_complexity: n^2

import torch
import torch.nn as nn
import torch.nn.functional as F


class GroupedAttention(nn.Module):
    def __init__(self, d_model: int, num_heads: int = 4, num_kv_heads: int = 2, buckets: int = 8):
        super().__init__()
        self.num_heads, self.num_kv_heads, self.buckets = num_heads, num_kv_heads, buckets
        self.head_dim = d_model // num_heads
        self.q_proj = nn.Linear(d_model, num_heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(d_model, num_kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(d_model, num_kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(num_heads * self.head_dim, d_model, bias=False)
        self.bias = nn.Parameter(torch.zeros(num_heads, buckets))

    def relative(self, length, device):
        position = torch.arange(length, device=device)
        distance = (position[:, None] - position[None, :]).clamp(min=0)
        bucket = torch.log2(distance.float() + 1).long().clamp(max=self.buckets - 1)
        return self.bias[:, bucket]

    def forward(self, hidden_states: torch.Tensor, attention_mask=None):
        b, t, _ = hidden_states.shape
        q = self.q_proj(hidden_states).view(b, t, self.num_heads, self.head_dim).transpose(1, 2)
        k = self.k_proj(hidden_states).view(b, t, self.num_kv_heads, self.head_dim).transpose(1, 2)
        v = self.v_proj(hidden_states).view(b, t, self.num_kv_heads, self.head_dim).transpose(1, 2)
        groups = self.num_heads // self.num_kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        position = torch.arange(t, device=hidden_states.device)
        allowed = position.view(1, t) >= position.view(t, 1)  # fault: future_leak
        scores = q @ k.transpose(2, 3) * self.head_dim**-0.5 + self.relative(t, hidden_states.device)
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        weights = F.softmax(scores, dim=-1)
        y = (weights @ v).transpose(1, 2).reshape(b, t, -1)
        return self.o_proj(y)
