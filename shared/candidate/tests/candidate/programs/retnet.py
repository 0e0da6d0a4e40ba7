"""Multi-scale retention with xPos-style rotations, in its parallel, recurrent and chunkwise forms (Sun et al. 2023)."""

from __future__ import annotations

import math
from typing import Dict, List, Optional, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


def rotate_every_two(x: Tensor) -> Tensor:
    x1 = x[:, :, :, ::2]
    x2 = x[:, :, :, 1::2]
    x = torch.stack((-x2, x1), dim=-1)
    return x.flatten(-2)


def theta_shift(x: Tensor, sin: Tensor, cos: Tensor) -> Tensor:
    return (x * cos) + (rotate_every_two(x) * sin)


class RMSNorm(nn.Module):
    def __init__(self, dim: int, eps: float = 1e-6, elementwise_affine: bool = True):
        super().__init__()
        self.normalized_shape = dim
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if self.elementwise_affine:
            self.weight = nn.Parameter(torch.ones(dim))
        else:
            self.register_parameter("weight", None)

    def _norm(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    def forward(self, x):
        output = self._norm(x.float()).type_as(x)
        if self.weight is not None:
            output = output * self.weight
        return output

    def extra_repr(self) -> str:
        return f"dim={self.normalized_shape}, eps={self.eps}, affine={self.elementwise_affine}"


class RelPos(nn.Module):
    def __init__(self, embed_dim: int, num_heads: int, recurrent_chunk_size: int = 16):
        super().__init__()
        angle = 1.0 / (10000 ** torch.linspace(0, 1, embed_dim // num_heads // 2))
        angle = angle.unsqueeze(-1).repeat(1, 2).flatten()
        decay = torch.log(1 - 2 ** (-5 - torch.arange(num_heads, dtype=torch.float)))
        self.register_buffer("angle", angle)
        self.register_buffer("decay", decay)
        self.recurrent_chunk_size = recurrent_chunk_size

    def forward(self, slen: int, activate_recurrent: bool = False, chunkwise_recurrent: bool = False):
        if activate_recurrent:
            sin = torch.sin(self.angle * (slen - 1))
            cos = torch.cos(self.angle * (slen - 1))
            return (sin, cos), self.decay.exp()
        index = torch.arange(slen).to(self.decay)
        sin = torch.sin(index[:, None] * self.angle[None, :])
        cos = torch.cos(index[:, None] * self.angle[None, :])
        if not chunkwise_recurrent:
            mask = torch.tril(torch.ones(slen, slen).to(self.decay))
            mask = torch.masked_fill(index[:, None] - index[None, :], ~mask.bool(), float("inf"))
            mask = torch.exp(mask * self.decay[:, None, None])
            mask = torch.nan_to_num(mask)
            mask = mask / mask.sum(dim=-1, keepdim=True).sqrt()
            return (sin, cos), mask
        block_index = torch.arange(self.recurrent_chunk_size).to(self.decay)
        mask = torch.tril(torch.ones(self.recurrent_chunk_size, self.recurrent_chunk_size)).to(self.decay)
        mask = torch.masked_fill(block_index[:, None] - block_index[None, :], ~mask.bool(), float("inf"))
        mask = torch.exp(mask * self.decay[:, None, None])
        mask = torch.nan_to_num(mask)
        value_inner_decay = mask[:, -1] / mask[:, -1].sum(dim=-1, keepdim=True)
        value_inner_decay = value_inner_decay.unsqueeze(-1)
        scale = mask.sum(dim=-1, keepdim=True).sqrt()
        inner_mask = mask / scale
        cross_decay = torch.exp(self.decay * self.recurrent_chunk_size)
        query_inner_decay = torch.exp(self.decay[:, None] * (block_index + 1))
        query_inner_decay = query_inner_decay[:, :, None] / (scale / mask[:, -1].sum(dim=-1)[:, None, None])
        cross_decay = cross_decay[:, None, None]
        return (sin, cos), (inner_mask, cross_decay, query_inner_decay, value_inner_decay)


def get_activation_fn(activation: str):
    if activation == "swish":
        return F.silu
    elif activation == "gelu":
        return F.gelu
    else:
        raise NotImplementedError(f"unknown activation {activation!r}")


class MultiScaleRetention(nn.Module):
    def __init__(self, embed_dim: int, num_heads: int, value_factor: int = 2, gate_fn: str = "swish", layernorm_eps: float = 1e-6):
        super().__init__()
        self.factor = value_factor
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = self.embed_dim * self.factor // num_heads
        self.key_dim = self.embed_dim // num_heads
        self.scaling = self.key_dim**-0.5
        self.gate_fn = get_activation_fn(activation=str(gate_fn))
        self.q_proj = nn.Linear(embed_dim, embed_dim, bias=False)
        self.k_proj = nn.Linear(embed_dim, embed_dim, bias=False)
        self.v_proj = nn.Linear(embed_dim, embed_dim * self.factor, bias=False)
        self.g_proj = nn.Linear(embed_dim, embed_dim * self.factor, bias=False)
        self.out_proj = nn.Linear(embed_dim * self.factor, embed_dim, bias=False)
        self.group_norm = RMSNorm(self.head_dim, eps=layernorm_eps, elementwise_affine=False)
        self.reset_parameters()

    def reset_parameters(self):
        for proj in (self.q_proj, self.k_proj, self.v_proj, self.g_proj):
            nn.init.xavier_uniform_(proj.weight, gain=2**-2.5)
        nn.init.xavier_uniform_(self.out_proj.weight)

    def recurrent_forward(self, qr, kr, v, decay, incremental_state: Dict[str, Tensor]):
        kv = kr.transpose(-1, -2) * v
        if "prev_key_value" in incremental_state:
            kv = incremental_state["prev_key_value"] * decay.view(-1, 1, 1) + kv
        incremental_state["prev_key_value"] = kv
        return torch.sum(qr.transpose(-1, -2) * kv, dim=2)

    def chunk_recurrent_forward(self, qr: Tensor, kr: Tensor, v: Tensor, inner_mask: Tuple[Tensor, ...]) -> Tensor:
        mask, cross_decay, query_inner_decay, value_inner_decay = inner_mask
        bsz, tgt_len, _ = v.size()
        chunk_len = mask.size(1)
        num_chunks = tgt_len // chunk_len
        assert tgt_len % chunk_len == 0
        qr = qr.view(bsz, self.num_heads, num_chunks, chunk_len, self.key_dim).transpose(1, 2)
        kr = kr.view(bsz, self.num_heads, num_chunks, chunk_len, self.key_dim).transpose(1, 2)
        v = v.view(bsz, num_chunks, chunk_len, self.num_heads, self.head_dim).transpose(2, 3)
        kr_t = kr.transpose(-1, -2)
        qk_mat = (qr @ kr_t) * mask
        inner_scale = qk_mat.detach().abs().sum(dim=-1, keepdim=True).clamp(min=1)
        qk_mat = qk_mat / inner_scale
        inner_output = torch.matmul(qk_mat, v)
        kv = kr_t @ (v * value_inner_decay)
        kv_recurrent: List[Tensor] = []
        cross_scale = []
        kv_state = torch.zeros(bsz, self.num_heads, self.key_dim, self.head_dim).to(v)
        kv_scale = torch.ones(bsz, self.num_heads, 1, 1).to(v)
        for i in range(num_chunks):
            kv_recurrent.append(kv_state / kv_scale)
            cross_scale.append(kv_scale)
            kv_state = kv_state * cross_decay + kv[:, i]
            kv_scale = kv_state.detach().abs().sum(dim=-2, keepdim=True).max(dim=-1, keepdim=True).values.clamp(min=1)
        kv_recurrent = torch.stack(kv_recurrent, dim=1)
        cross_scale = torch.stack(cross_scale, dim=1)
        all_scale = torch.maximum(inner_scale, cross_scale)
        align_inner_scale = all_scale / inner_scale
        align_cross_scale = all_scale / cross_scale
        cross_output = (qr * query_inner_decay) @ kv_recurrent
        output = inner_output / align_inner_scale + cross_output / align_cross_scale
        return output.transpose(2, 3)

    def forward(
        self, x: Tensor, rel_pos, chunkwise_recurrent: bool = False, incremental_state: Optional[Dict[str, Tensor]] = None
    ):
        bsz, tgt_len, _ = x.size()
        (sin, cos), inner_mask = rel_pos
        q = self.q_proj(x)
        k = self.k_proj(x)
        v = self.v_proj(x)
        g = self.g_proj(x)
        k *= self.scaling
        q = q.view(bsz, tgt_len, self.num_heads, self.key_dim).transpose(1, 2)
        k = k.view(bsz, tgt_len, self.num_heads, self.key_dim).transpose(1, 2)
        qr = theta_shift(q, sin, cos)
        kr = theta_shift(k, sin, cos)
        if incremental_state is not None:
            output = self.recurrent_forward(qr, kr, v, inner_mask, incremental_state)
        else:
            output = self.chunk_recurrent_forward(qr, kr, v, inner_mask)
        output = self.group_norm(output).reshape(bsz, tgt_len, self.head_dim * self.num_heads)
        output = self.gate_fn(g) * output
        return self.out_proj(output)


class RetentionLayer(nn.Module):
    """Pads to whole chunks, retains, and cuts back."""

    def __init__(self, embed_dim: int, num_heads: int = 4, chunk_size: int = 16, **unused):
        super().__init__()
        self.chunk_size = chunk_size
        self.rel_pos = RelPos(embed_dim, num_heads, chunk_size)
        self.retention = MultiScaleRetention(embed_dim, num_heads)

    def forward(self, x: Tensor, attention_mask: Optional[Tensor] = None, incremental_state=None) -> Tensor:
        length = x.size(1)
        if attention_mask is not None:
            x = x * attention_mask.unsqueeze(-1).to(x.dtype)
        padding = math.ceil(length / self.chunk_size) * self.chunk_size - length
        x = F.pad(x, (0, 0, 0, padding))
        rel_pos = self.rel_pos(
            x.size(1),
            activate_recurrent=incremental_state is not None,
            chunkwise_recurrent=True,
        )
        return self.retention(x, rel_pos, chunkwise_recurrent=True, incremental_state=incremental_state)[:, :length]
