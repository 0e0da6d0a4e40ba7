"""The part of flash-linear-attention that layers use, by its mathematics.

Sequences are [B, T, H, D] unless said otherwise. Kernels return (output, final state or None); `scale` defaults to
D^-0.5 of the keys. Packed sequences (`cu_seqlens`) and caches belong to inference and are refused. The same text runs in
PyTorch.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

_CHUNK = 32


def _refuse_packed(cu_seqlens):
    if cu_seqlens is not None:
        raise NotImplementedError("packed sequences (cu_seqlens) are not supported")


# Hints about how a kernel runs; they change no number.
_HINTS = ("chunk_size", "checkpoint_level", "state_v_first", "safe_gate", "disable_recompute", "max_num_seqs", "use_graph", "backend")


def _extra(kwargs):
    """Refuse what would change numbers and is not understood."""
    for name, value in kwargs.items():
        if value is not None and value is not False and name not in _HINTS:
            raise NotImplementedError(f"the argument {name} is not supported")


def _swish(x):
    return x * torch.sigmoid(x)


def swiglu(x, y):
    return _swish(x) * y


def swish(x):
    return _swish(x)


def logsigmoid(x, temperature=1.0):
    return F.logsigmoid(x) / temperature


def sqrelu(x):
    return F.relu(x) ** 2


ACT2FN = {
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "logsigmoid": F.logsigmoid,
    "silu": _swish,
    "swish": _swish,
    "sqrelu": sqrelu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
}


def elu_p1(x):
    return F.elu(x, 1.0, False) + 1.0


def sum_norm(x):
    return x / x.sum(-1, keepdim=True)


def l2norm(x, eps=1e-6, output_dtype=None):
    """x / sqrt(|x|^2 + eps) over the last dimension."""
    return x * torch.rsqrt((x * x).sum(-1, keepdim=True) + eps)


def l2_norm(x, eps=1e-6, output_dtype=None):
    return l2norm(x, eps)


class L2Norm(nn.Module):
    def __init__(self, eps=1e-6, output_dtype=None):
        super().__init__()
        self.eps = eps

    def forward(self, x):
        return l2norm(x, self.eps)


def _rms(x, weight, bias, eps):
    x = x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps)
    if weight is not None:
        x = x * weight
    if bias is not None:
        x = x + bias
    return x


class RMSNorm(nn.Module):
    def __init__(self, hidden_size, elementwise_affine=True, bias=False, eps=1e-5, device=None, dtype=None):
        super().__init__()
        self.hidden_size = hidden_size
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(hidden_size)) if elementwise_affine else None
        self.bias = nn.Parameter(torch.zeros(hidden_size)) if elementwise_affine and bias else None

    def forward(self, x, residual=None, prenorm=False, residual_in_fp32=False):
        if residual is not None:
            x = x + residual
        y = _rms(x, self.weight, self.bias, self.eps)
        return (y, x) if prenorm else y


class LayerNorm(nn.Module):
    def __init__(self, hidden_size, elementwise_affine=True, bias=False, eps=1e-5, device=None, dtype=None):
        super().__init__()
        self.hidden_size = hidden_size
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(hidden_size)) if elementwise_affine else None
        self.bias = nn.Parameter(torch.zeros(hidden_size)) if elementwise_affine and bias else None

    def forward(self, x, residual=None, prenorm=False, residual_in_fp32=False):
        if residual is not None:
            x = x + residual
        y = F.layer_norm(x, (self.hidden_size,), self.weight, self.bias, self.eps)
        return (y, x) if prenorm else y


class FusedRMSNormGated(nn.Module):
    """RMS norm of x times the activation of the gate g."""

    def __init__(self, hidden_size, elementwise_affine=True, eps=1e-5, activation="swish", device=None, dtype=None):
        super().__init__()
        if activation not in ("swish", "silu", "sigmoid"):
            raise ValueError(f"a gate opens by swish or sigmoid, not {activation}")
        self.hidden_size = hidden_size
        self.eps = eps
        self.activation = activation
        self.weight = nn.Parameter(torch.ones(hidden_size)) if elementwise_affine else None
        self.bias = None

    def forward(self, x, g, residual=None, prenorm=False, residual_in_fp32=False):
        if residual is not None:
            x = x + residual
        gate = torch.sigmoid(g) if self.activation == "sigmoid" else _swish(g)
        y = _rms(x, self.weight, None, self.eps) * gate
        return (y, x) if prenorm else y


class FusedRMSNormSwishGate(FusedRMSNormGated):
    pass


class FusedLayerNormGated(nn.Module):
    def __init__(
        self, hidden_size, elementwise_affine=True, bias=False, eps=1e-5, activation="swish", device=None, dtype=None
    ):
        super().__init__()
        self.hidden_size = hidden_size
        self.eps = eps
        self.activation = activation
        self.weight = nn.Parameter(torch.ones(hidden_size)) if elementwise_affine else None
        self.bias = nn.Parameter(torch.zeros(hidden_size)) if elementwise_affine and bias else None

    def forward(self, x, g, residual=None, prenorm=False, residual_in_fp32=False):
        if residual is not None:
            x = x + residual
        gate = torch.sigmoid(g) if self.activation == "sigmoid" else _swish(g)
        y = F.layer_norm(x, (self.hidden_size,), self.weight, self.bias, self.eps) * gate
        return (y, x) if prenorm else y


class ShortConvolution(nn.Conv1d):
    """Depthwise causal convolution of [B, T, D] along T; returns (y, cache)."""

    def __init__(
        self, hidden_size, kernel_size, bias=False, activation="silu", backend="triton", device=None, dtype=None, **kwargs
    ):
        super().__init__(
            in_channels=hidden_size,
            out_channels=hidden_size,
            kernel_size=kernel_size,
            groups=hidden_size,
            bias=bias,
            padding=kernel_size - 1,
        )
        if activation is not None and activation not in ("silu", "swish"):
            raise ValueError(f"the activation of a short convolution is silu or None, not {activation}")
        self.hidden_size = hidden_size
        self.activation = activation
        self.backend = backend

    def forward(
        self, x, residual=None, mask=None, cache=None, output_final_state=False, cu_seqlens=None, chunk_indices=None, **kwargs
    ):
        _refuse_packed(cu_seqlens)
        if cache is not None:
            raise NotImplementedError("a convolution cache is not supported")
        if mask is not None:
            x = x * mask.unsqueeze(-1)
        width = self.weight.shape[-1]
        padded = F.pad(x.transpose(1, 2), (width - 1, 0))
        y = F.conv1d(padded, self.weight, self.bias, groups=self.hidden_size).transpose(1, 2)
        if self.activation is not None:
            y = _swish(y)
        if residual is not None:
            y = y + residual
        return y, (padded[..., -width:] if output_final_state else None)


class RotaryEmbedding(nn.Module):
    """Rotary positions (Su et al. 2021, arXiv:2104.09864) of q and k."""

    def __init__(
        self, dim, base=10000.0, scale_base=None, interleaved=False, pos_idx_in_fp32=True, device=None, **kwargs
    ):
        super().__init__()
        if scale_base is not None:
            raise NotImplementedError("xPos scaling (scale_base) is not supported")
        self.dim = dim
        self.base = float(base)
        self.interleaved = interleaved
        self.register_buffer("inv_freq", self._compute_inv_freq(device), persistent=False)
        self._cos_cached, self._sin_cached = None, None

    def _compute_inv_freq(self, device=None):
        return self.base ** (-torch.arange(0, self.dim, 2, device=device).float() / self.dim)

    def _update_cos_sin_cache(self, seqlen, device=None, dtype=None):
        angles = torch.arange(seqlen, device=device)[:, None].float() * self.inv_freq
        self._cos_cached, self._sin_cached = torch.cos(angles), torch.sin(angles)

    def _rotate(self, x, offset):
        angles = (torch.arange(x.shape[1], device=x.device) + offset)[:, None].float() * self.inv_freq
        return _turned(x, torch.cos(angles)[None, :, None], torch.sin(angles)[None, :, None], self.interleaved)

    def forward(self, q, k, seqlen_offset=0, cu_seqlens=None, max_seqlen=None, **kwargs):
        _refuse_packed(cu_seqlens)
        return self._rotate(q, seqlen_offset), self._rotate(k, seqlen_offset)


def _turned(x, cos, sin, interleaved):
    """Pairs of the first dimensions of x turned by angles; the rest stays."""
    rotated, rest = x[..., : 2 * cos.shape[-1]], x[..., 2 * cos.shape[-1] :]
    if interleaved:
        a, b = rotated[..., ::2], rotated[..., 1::2]
        rotated = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
    else:
        a, b = rotated.chunk(2, dim=-1)
        rotated = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
    return torch.cat([rotated, rest], dim=-1)


def get_unpad_data(attention_mask):
    raise NotImplementedError("packed sequences are not supported")


def index_first_axis(x, indices):
    raise NotImplementedError("packed sequences are not supported")


def pad_input(hidden_states, indices, batch_size, seq_len):
    raise NotImplementedError("packed sequences are not supported")


def unpad_input(*args, **kwargs):
    raise NotImplementedError("packed sequences are not supported")


def unpad_hidden_states(hidden_states, cu_seqlens=None, attention_mask=None, q_len=None):
    _refuse_packed(cu_seqlens if attention_mask is None else attention_mask)
    return hidden_states, None, None


def repad_hidden_states(hidden_states, indices, batch_size, q_len):
    _refuse_packed(indices)
    return hidden_states


def get_layer_cache(module, past_key_values):
    return None if past_key_values is None else past_key_values[module.layer_idx]


def update_layer_cache(module, past_key_values, **kwargs):
    return None if past_key_values is None else past_key_values.update(layer_idx=module.layer_idx, **kwargs)


def require_cache_layer_idx(module, past_key_values):
    return module.layer_idx


def tensor_cache(fn):
    return fn
