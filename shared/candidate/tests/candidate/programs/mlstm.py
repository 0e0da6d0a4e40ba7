"""The matrix LSTM of xLSTM: exponential gates with a running stabiliser (Beck et al. 2024), in its parallel form."""

import math
from typing import Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


def bias_linspace_init_(param: Tensor, start: float = 3.4, end: float = 6.0) -> Tensor:
    assert param.dim() == 1, f"param must be 1-dimensional (typically a bias), got {param.dim()}"
    n_dims = param.shape[0]
    init_vals = torch.linspace(start, end, n_dims)
    with torch.no_grad():
        param.copy_(init_vals)
    return param


class CausalConv1d(nn.Module):
    def __init__(self, dim, kernel_size=4):
        super().__init__()
        self.groups = dim
        self.pad = kernel_size - 1
        self.conv = nn.Conv1d(dim, dim, kernel_size, padding=self.pad, groups=self.groups)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x.transpose(2, 1))
        return y[:, :, : -self.pad].transpose(2, 1)


class LinearHeadwiseExpand(nn.Module):
    """A linear map of each block of the last dimension."""

    def __init__(self, dim: int, num_heads: int, bias: bool = False):
        super().__init__()
        self.num_heads = num_heads
        d = dim // num_heads
        self.weight = nn.Parameter(torch.empty(num_heads, d, d))
        self.bias = nn.Parameter(torch.zeros(dim)) if bias else None
        nn.init.normal_(self.weight.data, mean=0.0, std=math.sqrt(2 / 5 / d))

    def forward(self, x: Tensor) -> Tensor:
        shape = x.shape
        x = x.view(*shape[:-1], self.num_heads, -1)
        x = torch.einsum("...hd,hod->...ho", x, self.weight)
        x = x.reshape(*shape[:-1], -1)
        return x if self.bias is None else x + self.bias


class MultiHeadLayerNorm(nn.Module):
    def __init__(self, dim, heads, eps=1e-5):
        super().__init__()
        self.heads, self.eps = heads, eps
        self.weight = nn.Parameter(torch.zeros(dim))

    @property
    def weight_proxy(self) -> Optional[Tensor]:
        return 1.0 + self.weight

    def forward(self, x: Tensor) -> Tensor:
        B, NH, S, DH = x.shape
        y = x.transpose(1, 2).reshape(B * S, NH * DH)
        y = F.group_norm(y, num_groups=NH, weight=self.weight_proxy, eps=self.eps)
        return y.view(B, S, NH * DH)


def parallel_stabilized_simple(queries, keys, values, igate_preact, fgate_preact, stabilize_rowwise: bool = True, eps: float = 1e-6):
    B, NH, S, DH = queries.shape
    log_fgates = F.logsigmoid(fgate_preact)
    ltr = torch.tril(torch.ones((S, S), dtype=torch.bool, device=queries.device))
    log_fgates_cumsum = torch.cat([torch.zeros((B, NH, 1, 1), dtype=queries.dtype), torch.cumsum(log_fgates, dim=-2)], dim=-2)
    rep = log_fgates_cumsum.repeat(1, 1, 1, S + 1)
    _log_fg_matrix = rep - rep.transpose(-2, -1)
    log_fg_matrix = torch.where(ltr, _log_fg_matrix[:, :, 1:, 1:], -float("inf"))
    log_D_matrix = log_fg_matrix + igate_preact.transpose(-2, -1)
    if stabilize_rowwise:
        max_log_D, _ = torch.max(log_D_matrix, dim=-1, keepdim=True)
    else:
        max_log_D = torch.max(log_D_matrix.view(B, NH, -1), dim=-1, keepdim=True)[0].unsqueeze(-1)
    D_matrix = torch.exp(log_D_matrix - max_log_D)
    keys_scaled = keys / math.sqrt(DH)
    C_matrix = (queries @ keys_scaled.transpose(-2, -1)) * D_matrix
    normalizer = torch.maximum(C_matrix.sum(dim=-1, keepdim=True).abs(), torch.exp(-max_log_D))
    return (C_matrix / (normalizer + eps)) @ values


class mLSTMLayer(nn.Module):
    def __init__(self, embedding_dim: int, num_heads: int = 2, proj_factor: float = 2.0, conv1d_kernel_size: int = 4):
        super().__init__()
        inner = int(proj_factor * embedding_dim)
        self.num_heads, self.inner = num_heads, inner
        self.proj_up = nn.Linear(embedding_dim, 2 * inner, bias=False)
        self.q_proj, self.k_proj, self.v_proj = (LinearHeadwiseExpand(inner, num_heads * 2) for _ in range(3))
        self.conv1d = CausalConv1d(inner, conv1d_kernel_size)
        self.igate = nn.Linear(3 * inner, num_heads)
        self.fgate = nn.Linear(3 * inner, num_heads)
        self.outnorm = MultiHeadLayerNorm(inner, num_heads)
        self.learnable_skip = nn.Parameter(torch.ones(inner))
        self.proj_down = nn.Linear(inner, embedding_dim, bias=False)
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.zeros_(self.fgate.weight)
        bias_linspace_init_(self.fgate.bias)
        torch.nn.init.zeros_(self.igate.weight)
        torch.nn.init.normal_(self.igate.bias, mean=0.0, std=0.1)

    def forward(self, x: Tensor, **kwargs) -> Tensor:
        B, S, _ = x.shape
        x_inner = self.proj_up(x)
        x_mlstm, z = torch.split(x_inner, split_size_or_sections=self.inner, dim=-1)
        x_conv = F.silu(self.conv1d(x_mlstm))
        q, k, v = self.q_proj(x_conv), self.k_proj(x_conv), self.v_proj(x_mlstm)
        if_gate_input = torch.cat([q, k, v], dim=-1)
        q, k, v = (t.view(B, S, self.num_heads, -1).transpose(1, 2) for t in (q, k, v))
        igate = self.igate(if_gate_input).transpose(-1, -2).unsqueeze(-1)
        fgate = self.fgate(if_gate_input).transpose(-1, -2).unsqueeze(-1)
        h = parallel_stabilized_simple(q, k, v, igate, fgate)
        h = self.outnorm(h) + self.learnable_skip * x_conv
        return self.proj_down(h * F.silu(z))
