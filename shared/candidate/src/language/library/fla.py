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
            raise ValueError(f"Unsupported activation: {activation}")
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
            raise ValueError(f"Activation `{activation}` not supported yet.")
        self.hidden_size = hidden_size
        self.activation = activation

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
        self.interleaved = interleaved
        self.register_buffer("inv_freq", base ** (-torch.arange(0, dim, 2).float() / dim), persistent=False)

    def _rotate(self, x, offset):
        angles = (torch.arange(x.shape[1]) + offset)[:, None].float() * self.inv_freq
        cos, sin = torch.cos(angles)[None, :, None], torch.sin(angles)[None, :, None]
        rotated, rest = x[..., : self.dim], x[..., self.dim :]
        if self.interleaved:
            a, b = rotated[..., ::2], rotated[..., 1::2]
            rotated = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(-2)
        else:
            a, b = rotated.chunk(2, dim=-1)
            rotated = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
        return torch.cat([rotated, rest], dim=-1)

    def forward(self, q, k, seqlen_offset=0, cu_seqlens=None, max_seqlen=None, **kwargs):
        _refuse_packed(cu_seqlens)
        return self._rotate(q, seqlen_offset), self._rotate(k, seqlen_offset)


def get_unpad_data(attention_mask):
    raise NotImplementedError("packed sequences are not supported")


def index_first_axis(x, indices):
    raise NotImplementedError("packed sequences are not supported")


def pad_input(hidden_states, indices, batch_size, seq_len):
    raise NotImplementedError("packed sequences are not supported")


def unpad_input(*args, **kwargs):
    raise NotImplementedError("packed sequences are not supported")


def _chunks(x, size):
    """[B, T, H, D] -> [B, H, N, C, D]; the last chunk is filled up with zeros."""
    batch, length, heads, dim = x.shape
    x = F.pad(x.transpose(1, 2), (0, 0, 0, -length % size))
    return x.reshape(batch, heads, -1, size, dim)


def _joined(outputs, length):
    """N times [B, H, C, D] -> [B, T, H, D]."""
    y = torch.cat(outputs, dim=2)[:, :, :length]
    return y.transpose(1, 2)


def _unit_lower_inverse(lower):
    """(I + lower)^-1 of strictly lower triangular [.., C, C], C a power of 2: the inverse of [[A, 0], [B, D]] is
    [[A^-1, 0], [-D^-1 B A^-1, D^-1]]."""
    index = torch.arange(lower.shape[-1], device=lower.device)
    inverse = torch.eye(lower.shape[-1], device=lower.device, dtype=lower.dtype)
    size = 1
    while size < lower.shape[-1]:
        row, column = index[:, None] // size, index[None, :] // size
        corner = lower.masked_fill((row % 2 == 0) | (column != row - 1), 0.0)
        inverse = inverse - (corner if size == 1 else inverse @ corner @ inverse)
        size = 2 * size
    return inverse


def _decays(g):
    """g [.., C]: running log decays. exp(g_i - g_j) for j <= i, else 0."""
    future = torch.ones(g.shape[-1], g.shape[-1], dtype=torch.bool, device=g.device).triu(1)
    return (g[..., :, None] - g[..., None, :]).masked_fill(future, float("-inf")).exp()


def _start(initial_state, k, v):
    if initial_state is not None:
        return initial_state
    return torch.zeros(k.shape[0], k.shape[1], k.shape[-1], v.shape[-1], device=k.device, dtype=k.dtype)


def _delta(q, k, v, g, beta, scale, initial_state, output_final_state, use_qk_l2norm_in_kernel, cu_seqlens, head_first):
    """S_t = exp(g_t) (I - beta_t k_t k_t^T) S_{t-1} + beta_t k_t v_t^T, o_t = scale S_t^T q_t (Yang et al. 2024,
    arXiv:2406.06484 and arXiv:2412.06464), chunkwise in the WY form."""
    _refuse_packed(cu_seqlens)
    if head_first:
        q, k, v, beta = [x.transpose(1, 2) for x in (q, k, v, beta)]
        g = None if g is None else g.transpose(1, 2)
    if use_qk_l2norm_in_kernel:
        q, k = l2norm(q), l2norm(k)
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    length = q.shape[1]
    q, k, v, beta = [_chunks(x, _CHUNK) for x in (q * scale, k, v, beta.unsqueeze(-1))]
    scores = (q @ k.transpose(-1, -2)).tril()
    written = (beta * k @ k.transpose(-1, -2)).tril(-1)
    read, erased, last = q, beta * k, None
    kept = k
    if g is not None:
        g = _chunks(g.unsqueeze(-1), _CHUNK).squeeze(-1).cumsum(-1)
        decays = _decays(g)
        scores, written = scores * decays, written * decays
        grown = g.exp().unsqueeze(-1)
        read, erased = q * grown, erased * grown
        kept = k * (g[..., -1:] - g).exp().unsqueeze(-1)
        last = g[..., -1].exp()[..., None, None]
    inverse = _unit_lower_inverse(written)
    values, erased = inverse @ (beta * v), inverse @ erased
    state = _start(initial_state, k, v)
    outputs = []
    for i in range(q.shape[2]):
        new = values[:, :, i] - erased[:, :, i] @ state
        outputs.append(read[:, :, i] @ state + scores[:, :, i] @ new)
        if g is not None:
            state = state * last[:, :, i]
        state = state + kept[:, :, i].transpose(-1, -2) @ new
    o = _joined(outputs, length)
    return (o.transpose(1, 2) if head_first else o), (state if output_final_state else None)


def chunk_delta_rule(
    q, k, v, beta, scale=None, initial_state=None, output_final_state=False, use_qk_l2norm_in_kernel=False,
    cu_seqlens=None, head_first=False, **kwargs
):
    return _delta(
        q, k, v, None, beta, scale, initial_state, output_final_state, use_qk_l2norm_in_kernel, cu_seqlens, head_first
    )


def fused_recurrent_delta_rule(
    q, k, v, beta=None, scale=None, initial_state=None, output_final_state=False, use_qk_l2norm_in_kernel=False,
    cu_seqlens=None, head_first=False, **kwargs
):
    beta = torch.ones_like(q[..., 0]) if beta is None else beta
    return _delta(
        q, k, v, None, beta, scale, initial_state, output_final_state, use_qk_l2norm_in_kernel, cu_seqlens, head_first
    )


def chunk_gated_delta_rule(
    q, k, v, g, beta, scale=None, initial_state=None, output_final_state=False, use_qk_l2norm_in_kernel=False,
    cu_seqlens=None, head_first=False, **kwargs
):
    """g: log decays [B, T, H]."""
    return _delta(
        q, k, v, g, beta, scale, initial_state, output_final_state, use_qk_l2norm_in_kernel, cu_seqlens, head_first
    )


def fused_recurrent_gated_delta_rule(
    q, k, v, g, beta=None, scale=None, initial_state=None, output_final_state=False, use_qk_l2norm_in_kernel=False,
    cu_seqlens=None, head_first=False, **kwargs
):
    beta = torch.ones_like(q[..., 0]) if beta is None else beta
    return _delta(
        q, k, v, g, beta, scale, initial_state, output_final_state, use_qk_l2norm_in_kernel, cu_seqlens, head_first
    )


def _gated(q, k, v, g, scale, initial_state, output_final_state):
    """S_t = exp(g_t) S_{t-1} + k_t v_t^T, o_t = scale S_t^T q_t; g: log decays [B, T, H], [B, T, H, K] or None."""
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    length = q.shape[1]
    # Decays per key dimension need all pairs within a chunk, so the chunk is smaller.
    size = 16 if g is not None and g.dim() == 4 else _CHUNK
    q, k, v = [_chunks(x, size) for x in (q * scale, k, v)]
    read, kept, last = q, k, None
    if g is None:
        scores = (q @ k.transpose(-1, -2)).tril()
    elif g.dim() == 3:
        g = _chunks(g.unsqueeze(-1), size).cumsum(-2)
        scores = (q @ k.transpose(-1, -2)) * _decays(g.squeeze(-1))
    else:
        g = _chunks(g, size).cumsum(-2)
        future = torch.ones(size, size, dtype=torch.bool, device=g.device).triu(1)[..., None]
        decays = (g[..., :, None, :] - g[..., None, :, :]).masked_fill(future, float("-inf")).exp()
        scores = (q[..., :, None, :] * k[..., None, :, :] * decays).sum(-1)
    if g is not None:
        read, kept = q * g.exp(), k * (g[..., -1:, :] - g).exp()
        last = g[..., -1, :].exp().unsqueeze(-1)
    within = scores @ v
    state = _start(initial_state, k, v)
    outputs = []
    for i in range(q.shape[2]):
        outputs.append(within[:, :, i] + read[:, :, i] @ state)
        if g is not None:
            state = state * last[:, :, i]
        state = state + kept[:, :, i].transpose(-1, -2) @ v[:, :, i]
    return _joined(outputs, length), (state if output_final_state else None)


def _swapped(head_first, *xs):
    return [x if x is None or not head_first else x.transpose(1, 2) for x in xs]


def chunk_gla(
    q, k, v, g, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False, **kwargs
):
    """Gated linear attention (Yang et al. 2023, arXiv:2312.06635); g: log decays [B, T, H, K]."""
    _refuse_packed(cu_seqlens)
    q, k, v, g = _swapped(head_first, q, k, v, g)
    o, state = _gated(q, k, v, g, scale, initial_state, output_final_state)
    return _swapped(head_first, o)[0], state


def fused_chunk_gla(q, k, v, g, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False):
    return chunk_gla(q, k, v, g, scale, initial_state, output_final_state, cu_seqlens, head_first)


def fused_recurrent_gla(
    q, k, v, gk=None, gv=None, scale=None, initial_state=None, output_final_state=False, reverse=False, cu_seqlens=None,
    head_first=False
):
    if gv is not None or reverse:
        raise NotImplementedError("decays of values (gv) and reverse are not supported")
    return chunk_gla(q, k, v, gk, scale, initial_state, output_final_state, cu_seqlens, head_first)


def chunk_simple_gla(
    q, k, v, g=None, g_gamma=None, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None,
    head_first=False, **kwargs
):
    """One decay per head and step: log decays g [B, T, H], and g_gamma [H] of every step."""
    _refuse_packed(cu_seqlens)
    q, k, v, g = _swapped(head_first, q, k, v, g)
    if g_gamma is not None:
        g = (0.0 if g is None else g) + g_gamma.expand(q.shape[0], q.shape[1], q.shape[2])
    o, state = _gated(q, k, v, g, scale, initial_state, output_final_state)
    return _swapped(head_first, o)[0], state


def fused_recurrent_simple_gla(
    q, k, v, g=None, g_gamma=None, scale=None, initial_state=None, output_final_state=False, reverse=False,
    cu_seqlens=None, head_first=False
):
    if reverse:
        raise NotImplementedError("reverse is not supported")
    return chunk_simple_gla(q, k, v, g, g_gamma, scale, initial_state, output_final_state, cu_seqlens, head_first)


def chunk_retention(
    q, k, v, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False, **kwargs
):
    """Retention (Sun et al. 2023, arXiv:2307.08621): head h decays by 1 - 2^(-5-h) per step."""
    heads = q.shape[1] if head_first else q.shape[2]
    gamma = torch.tensor([math.log(1.0 - 2.0 ** (-5 - h)) for h in range(heads)], dtype=q.dtype, device=q.device)
    return chunk_simple_gla(q, k, v, None, gamma, scale, initial_state, output_final_state, cu_seqlens, head_first)


def fused_chunk_retention(q, k, v, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False):
    return chunk_retention(q, k, v, scale, initial_state, output_final_state, cu_seqlens, head_first)


def fused_recurrent_retention(
    q, k, v, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False
):
    return chunk_retention(q, k, v, scale, initial_state, output_final_state, cu_seqlens, head_first)


def chunk_linear_attn(
    q, k, v, scale=None, initial_state=None, output_final_state=False, normalize=True, head_first=False, **kwargs
):
    """S_t = S_{t-1} + k_t v_t^T; normalised by scale q_t . sum k unless said otherwise."""
    q, k, v = _swapped(head_first, q, k, v)
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    o, state = _gated(q, k, v, None, scale, initial_state, output_final_state)
    if normalize:
        o = o / ((q * scale * k.cumsum(1)).sum(-1, keepdim=True) + 1e-10)
    return _swapped(head_first, o)[0], state


def fused_chunk_linear_attn(
    q, k, v, scale=None, initial_state=None, output_final_state=False, normalize=True, head_first=False
):
    return chunk_linear_attn(q, k, v, scale, initial_state, output_final_state, normalize, head_first)


def fused_recurrent_linear_attn(
    q, k, v, scale=None, initial_state=None, output_final_state=False, normalize=False, head_first=False
):
    return chunk_linear_attn(q, k, v, scale, initial_state, output_final_state, normalize, head_first)
