"""The matrix LSTM (xLSTM, Beck et al. 2024): C_t = f_t C_{t-1} + i_t v_t k_t^T with n_t likewise for k alone, read as
C q / max(|n q|, 1); exponential input gates are held finite by subtracting each row's largest logarithm."""

import math
from typing import Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class BlockLinear(nn.Module):
    """A linear map of its own for each of `blocks` equal parts of the last dimension."""

    def __init__(self, width: int, blocks: int, bias: bool = False):
        super().__init__()
        assert width % blocks == 0, f"{width} does not divide into {blocks} blocks"
        part = width // blocks
        self.maps = nn.Parameter(torch.empty(blocks, part, part))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        nn.init.normal_(self.maps.data, mean=0.0, std=1 / math.sqrt(part))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.einsum("...gi,gji->...gj", x.unflatten(-1, (self.maps.shape[0], -1)), self.maps).flatten(-2)
        return y if self.bias is None else y + self.bias


class PastConvolution(nn.Module):
    def __init__(self, channels: int, taps: int):
        super().__init__()
        self.filter = nn.Conv1d(channels, channels, taps, padding=taps - 1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        surplus = self.filter.kernel_size[0] - 1
        return self.filter(x.transpose(1, 2))[:, :, :-surplus].transpose(1, 2)


class Gates(nn.Module):
    """Logarithms of the input and forget gates of each head, [B, H, T]."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.read = nn.Linear(width, 2 * heads)
        with torch.no_grad():
            self.read.weight.zero_()
            self.read.bias.copy_(torch.cat([torch.zeros(heads), torch.linspace(3.0, 6.0, heads)]))

    def forward(self, x: Tensor):
        put, keep = self.read(x).transpose(1, 2).chunk(2, dim=1)
        return put, F.logsigmoid(keep)


def matrix_memory(q: Tensor, k: Tensor, v: Tensor, put: Tensor, keep: Tensor, eps: float = 1e-6) -> Tensor:
    """q, k, v [B, H, T, D]; the weight of step s at step t is exp(put_s + keep_{s+1} + .. + keep_t)."""
    steps = q.shape[-2]
    kept = torch.cumsum(keep, dim=-1)
    weight = kept[..., :, None] - kept[..., None, :] + put[..., None, :]
    past = torch.tril(torch.ones((steps, steps), dtype=torch.bool, device=q.device))
    weight = torch.where(past, weight, -float("inf"))
    largest, _ = torch.max(weight, dim=-1, keepdim=True)
    scores = q @ k.mT * q.shape[-1] ** -0.5 * (weight - largest).exp()
    size = torch.maximum(scores.sum(dim=-1, keepdim=True).abs(), torch.exp(-largest))
    return scores @ v / (size + eps)


class MatrixMemoryBlock(nn.Module):
    def __init__(self, embedding_dim: int, num_heads: int = 2, widening: float = 2.0, taps: int = 4):
        super().__init__()
        inner = int(widening * embedding_dim)
        self.num_heads = num_heads
        self.up = nn.Linear(embedding_dim, 2 * inner, bias=False)
        self.local = PastConvolution(inner, taps)
        self.to_q, self.to_k, self.to_v = (BlockLinear(inner, 2 * num_heads) for _ in range(3))
        self.gates = Gates(3 * inner, num_heads)
        self.gain = nn.Parameter(torch.zeros(inner))
        self.around = nn.Parameter(torch.ones(inner))
        self.down = nn.Linear(inner, embedding_dim, bias=False)

    @property
    def norm_weight(self) -> Optional[Tensor]:
        return 1.0 + self.gain

    def forward(self, x: Tensor, **kwargs) -> Tensor:
        content, gate = torch.tensor_split(self.up(x), 2, dim=-1)
        smooth = F.silu(self.local(content))
        triple = self.to_q(smooth), self.to_k(smooth), self.to_v(content)
        put, keep = self.gates(torch.cat(triple, dim=-1))
        h = matrix_memory(*(t.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for t in triple), put, keep)
        h = h.transpose(1, 2).flatten(2)
        h = F.group_norm(h.flatten(0, 1), num_groups=self.num_heads, weight=self.norm_weight, eps=1e-5).view_as(h)
        return self.down((h + self.around * smooth) * F.silu(gate))
