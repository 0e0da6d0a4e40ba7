"""Kernels of linear attention with decays: S_t = decay S_{t-1} + k_t v_t^T."""

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
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    q, k, v, g = _swapped(head_first, q, k, v, g)
    o, state = _gated(q, k, v, g, scale, initial_state, output_final_state)
    return _swapped(head_first, o)[0], state


def fused_chunk_gla(q, k, v, g, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False, **kwargs):
    _extra(kwargs)
    return chunk_gla(q, k, v, g, scale, initial_state, output_final_state, cu_seqlens, head_first)


def fused_recurrent_gla(
    q, k, v, gk=None, gv=None, scale=None, initial_state=None, output_final_state=False, reverse=False, cu_seqlens=None,
    head_first=False, **kwargs
):
    _extra(kwargs)
    if gv is not None or reverse:
        raise NotImplementedError("decays of values (gv) and reverse are not supported")
    return chunk_gla(q, k, v, gk, scale, initial_state, output_final_state, cu_seqlens, head_first)


def chunk_simple_gla(
    q, k, v, g=None, g_gamma=None, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None,
    head_first=False, **kwargs
):
    """One decay per head and step: log decays g [B, T, H], and g_gamma [H] of every step."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    q, k, v, g = _swapped(head_first, q, k, v, g)
    if g_gamma is not None:
        g = (0.0 if g is None else g) + g_gamma.expand(q.shape[0], q.shape[1], q.shape[2])
    o, state = _gated(q, k, v, g, scale, initial_state, output_final_state)
    return _swapped(head_first, o)[0], state


def fused_recurrent_simple_gla(
    q, k, v, g=None, g_gamma=None, scale=None, initial_state=None, output_final_state=False, reverse=False,
    cu_seqlens=None, head_first=False, **kwargs
):
    _extra(kwargs)
    if reverse:
        raise NotImplementedError("reverse is not supported")
    return chunk_simple_gla(q, k, v, g, g_gamma, scale, initial_state, output_final_state, cu_seqlens, head_first)


def chunk_retention(
    q, k, v, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False, **kwargs
):
    """Retention (Sun et al. 2023, arXiv:2307.08621): head h decays by 1 - 2^(-5-h) per step."""
    _extra(kwargs)
    heads = q.shape[1] if head_first else q.shape[2]
    gamma = torch.tensor([math.log(1.0 - 2.0 ** (-5 - h)) for h in range(heads)], dtype=q.dtype, device=q.device)
    return chunk_simple_gla(q, k, v, None, gamma, scale, initial_state, output_final_state, cu_seqlens, head_first)


def fused_chunk_retention(q, k, v, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False, **kwargs):
    _extra(kwargs)
    return chunk_retention(q, k, v, scale, initial_state, output_final_state, cu_seqlens, head_first)


def fused_recurrent_retention(
    q, k, v, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False, **kwargs
):
    _extra(kwargs)
    return chunk_retention(q, k, v, scale, initial_state, output_final_state, cu_seqlens, head_first)


def chunk_linear_attn(
    q, k, v, scale=None, initial_state=None, output_final_state=False, normalize=True, head_first=False, **kwargs
):
    """S_t = S_{t-1} + k_t v_t^T; normalised by scale q_t . sum k unless said otherwise."""
    _extra(kwargs)
    q, k, v = _swapped(head_first, q, k, v)
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    o, state = _gated(q, k, v, None, scale, initial_state, output_final_state)
    if normalize:
        o = o / ((q * scale * k.cumsum(1)).sum(-1, keepdim=True) + 1e-10)
    return _swapped(head_first, o)[0], state


def fused_chunk_linear_attn(
    q, k, v, scale=None, initial_state=None, output_final_state=False, normalize=True, head_first=False, **kwargs
):
    _extra(kwargs)
    return chunk_linear_attn(q, k, v, scale, initial_state, output_final_state, normalize, head_first)


def fused_recurrent_linear_attn(
    q, k, v, scale=None, initial_state=None, output_final_state=False, normalize=False, head_first=False, **kwargs
):
    _extra(kwargs)
    return chunk_linear_attn(q, k, v, scale, initial_state, output_final_state, normalize, head_first)
