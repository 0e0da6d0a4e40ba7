"""Softmax attentions of `fla.ops`, quadratic in the length."""


def parallel_attn(q, k, v, g=None, scale=None, window_size=None, cu_seqlens=None, sink_bias=None, **kwargs):
    """Causal attention of q [B, T, HQ, K] over k, v [B, T, H, D]; g [B, T, HQ]: log decays between steps."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if sink_bias is not None:
        raise NotImplementedError("sink_bias is not supported")
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    k, v = [x.repeat_interleave(q.shape[2] // x.shape[2], dim=2) for x in (k, v)]
    scores = torch.einsum("bihd,bjhd->bhij", q * scale, k)
    if g is not None:
        decays = g.cumsum(1).transpose(1, 2)
        scores = scores + decays[..., :, None] - decays[..., None, :]
    index = torch.arange(q.shape[1], device=q.device)
    hidden = index[:, None] < index[None, :]
    if window_size is not None:
        hidden = hidden | (index[:, None] - index[None, :] >= window_size)
    weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
    return torch.einsum("bhij,bjhd->bihd", weights, v)


def parallel_forgetting_attn(q, k, v, g, scale=None, window_size=None, cu_seqlens=None, head_first=False, **kwargs):
    """Forgetting attention (Lin et al. 2025, arXiv:2503.02130)."""
    _extra(kwargs)
    q, k, v, g = _swapped(head_first, q, k, v, g)
    return _swapped(head_first, parallel_attn(q, k, v, g, scale, window_size, cu_seqlens))[0]


def flash_attn_func(q, k, v, dropout_p=0.0, softmax_scale=None, causal=False, window_size=(-1, -1), **kwargs):
    _extra(kwargs)
    if not causal:
        raise NotImplementedError("attention that is not causal")
    window = None if window_size[0] < 0 else window_size[0] + 1
    return parallel_attn(q, k, v, None, softmax_scale, window)
