"""Multi-head latent attention: low-rank queries and keys, decoupled complex rotary positions, in sliding chunks so that
the cost stays linear (after DeepSeek-V2, 2024)."""

from dataclasses import dataclass
from typing import Literal, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class ModelArgs:
    dim: int = 64
    n_heads: int = 4
    q_lora_rank: int = 12
    kv_lora_rank: int = 8
    qk_nope_head_dim: int = 4
    qk_rope_head_dim: int = 4
    v_head_dim: int = 4
    max_seq_len: int = 2048
    rope_theta: float = 10000.0
    window: int = 16
    mscale: float = 1.0
    dtype: Literal["bf16", "fp8"] = "bf16"


def precompute_freqs_cis(args: ModelArgs) -> torch.Tensor:
    dim = args.qk_rope_head_dim
    freqs = 1.0 / (args.rope_theta ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim))
    t = torch.arange(args.max_seq_len)
    freqs = torch.outer(t, freqs)
    return torch.polar(torch.ones_like(freqs), freqs)


def apply_rotary_emb(x: torch.Tensor, freqs_cis: torch.Tensor) -> torch.Tensor:
    dtype = x.dtype
    x = torch.view_as_complex(x.float().view(*x.shape[:-1], -1, 2))
    freqs_cis = freqs_cis.view(1, x.size(1), 1, x.size(-1))
    y = torch.view_as_real(x * freqs_cis).flatten(3)
    return y.to(dtype)


class Norm(nn.Module):
    def __init__(self, dim: int, eps: float = 1e-6):
        super().__init__()
        self.dim = dim
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: torch.Tensor):
        return F.rms_norm(x, (self.dim,), self.weight, self.eps)


class MLA(nn.Module):
    def __init__(self, config: ModelArgs):
        super().__init__()
        args = config
        self.dim = args.dim
        self.n_heads = args.n_heads
        self.q_lora_rank = args.q_lora_rank
        self.kv_lora_rank = args.kv_lora_rank
        self.qk_nope_head_dim = args.qk_nope_head_dim
        self.qk_rope_head_dim = args.qk_rope_head_dim
        self.qk_head_dim = args.qk_nope_head_dim + args.qk_rope_head_dim
        self.v_head_dim = args.v_head_dim
        self.window = args.window
        if self.q_lora_rank == 0:
            self.wq = nn.Linear(self.dim, self.n_heads * self.qk_head_dim, bias=False)
        else:
            self.wq_a = nn.Linear(self.dim, self.q_lora_rank, bias=False)
            self.q_norm = Norm(self.q_lora_rank)
            self.wq_b = nn.Linear(self.q_lora_rank, self.n_heads * self.qk_head_dim, bias=False)
        self.wkv_a = nn.Linear(self.dim, self.kv_lora_rank + self.qk_rope_head_dim, bias=False)
        self.kv_norm = Norm(self.kv_lora_rank)
        self.wkv_b = nn.Linear(self.kv_lora_rank, self.n_heads * (self.qk_nope_head_dim + self.v_head_dim), bias=False)
        self.wo = nn.Linear(self.n_heads * self.v_head_dim, self.dim, bias=False)
        self.softmax_scale = self.qk_head_dim**-0.5
        if args.max_seq_len > 4096:
            mscale = 0.1 * args.mscale + 1.0
            self.softmax_scale = self.softmax_scale * mscale * mscale
        self.register_buffer("freqs_cis", precompute_freqs_cis(args), persistent=False)

    def local(self, q, k, v):
        """Each chunk attends to itself and the one before: [B, T, H, D]."""
        w = self.window
        T = q.shape[1]
        q, k, v = (F.pad(t, (0, 0, 0, 0, 0, -T % w)).unflatten(1, (-1, w)) for t in (q, k, v))
        previous = lambda t: F.pad(t, (0, 0, 0, 0, 0, 0, 1, 0))[:, :-1]
        k, v = (torch.cat((previous(t), t), dim=2) for t in (k, v))
        scores = torch.einsum("bnshd,bnthd->bnhst", q, k) * self.softmax_scale
        s = torch.arange(w, device=q.device).unsqueeze(1) + w
        t = torch.arange(2 * w, device=q.device).unsqueeze(0)
        mask = torch.full((q.shape[1], w, 2 * w), float("-inf"), device=q.device)
        mask = torch.where((t <= s) & (t > s - w), 0.0, mask)
        mask[0, :, :w] = float("-inf")
        scores = (scores + mask[None, :, None]).softmax(dim=-1, dtype=torch.float32).type_as(q)
        return torch.einsum("bnhst,bnthd->bnshd", scores, v).flatten(1, 2)[:, :T]

    def forward(self, x: torch.Tensor, start_pos: int = 0, mask: Optional[torch.Tensor] = None) -> torch.Tensor:
        bsz, seqlen, _ = x.size()
        freqs_cis = self.freqs_cis[start_pos : start_pos + seqlen]
        q = self.wq(x) if self.q_lora_rank == 0 else self.wq_b(self.q_norm(self.wq_a(x)))
        q = q.view(bsz, seqlen, self.n_heads, self.qk_head_dim)
        q_nope, q_pe = torch.split(q, [self.qk_nope_head_dim, self.qk_rope_head_dim], dim=-1)
        q_pe = apply_rotary_emb(q_pe, freqs_cis)
        kv = self.wkv_a(x)
        kv, k_pe = torch.split(kv, [self.kv_lora_rank, self.qk_rope_head_dim], dim=-1)
        k_pe = apply_rotary_emb(k_pe.unsqueeze(2), freqs_cis)
        q = torch.cat([q_nope, q_pe], dim=-1)
        kv = self.wkv_b(self.kv_norm(kv))
        kv = kv.view(bsz, seqlen, self.n_heads, self.qk_nope_head_dim + self.v_head_dim)
        k_nope, v = torch.split(kv, [self.qk_nope_head_dim, self.v_head_dim], dim=-1)
        k = torch.cat([k_nope, k_pe.expand(-1, -1, self.n_heads, -1)], dim=-1)
        return self.wo(self.local(q, k, v).flatten(2))
