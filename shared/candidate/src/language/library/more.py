"""Kernels of further linear attentions: RWKV-6, HGRN, slots, Taylor features, lightning and additive gates."""


def chunk_rwkv6(
    r, k, v, w, u, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False, **kwargs
):
    """RWKV-6 (Peng et al. 2024, arXiv:2404.05892): o_t = scale (S_{t-1} + diag(u) k_t v_t^T)^T r_t; w log decays, u [H, K]."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    r, k, v, w = _swapped(head_first, r, k, v, w)
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    length, size = r.shape[1], 16
    bonus = (r * u * k).sum(-1, keepdim=True) * v * scale
    q, k, v, g = [_chunks(x, size) for x in (r * scale, k, v, w)]
    until = g.cumsum(-2)
    before = until - g
    index = torch.arange(size, device=q.device)
    decays = before[..., :, None, :] - until[..., None, :, :]
    decays = decays.masked_fill((index[:, None] <= index[None, :])[..., None], float("-inf")).exp()
    within = (q[..., :, None, :] * k[..., None, :, :] * decays).sum(-1) @ v
    read, kept = q * before.exp(), k * (until[..., -1:, :] - until).exp()
    last = until[..., -1, :].exp().unsqueeze(-1)
    state = _start(initial_state, k, v)
    outputs = []
    for i in range(q.shape[2]):
        outputs.append(within[:, :, i] + read[:, :, i] @ state)
        state = state * last[:, :, i] + kept[:, :, i].transpose(-1, -2) @ v[:, :, i]
    o = _joined(outputs, length) + bonus
    return _swapped(head_first, o)[0], (state if output_final_state else None)


def fused_recurrent_rwkv6(r, k, v, w, u, scale=None, initial_state=None, output_final_state=False, reverse=False,
                          cu_seqlens=None, head_first=False, **kwargs):
    _extra(kwargs)
    if reverse:
        raise NotImplementedError("reverse is not supported")
    return chunk_rwkv6(r, k, v, w, u, scale, initial_state, output_final_state, cu_seqlens, head_first)


def chunk_hgrn(x, g, initial_state=None, output_final_state=False, cu_seqlens=None, **kwargs):
    """h_t = exp(g_t) h_{t-1} + x_t, element by element, over [B, T, D]."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    batch, length, width = x.shape
    size = 16
    pad = -length % size
    x, g = [F.pad(y, (0, 0, 0, pad)).reshape(batch, -1, size, width) for y in (x, g)]
    until = g.cumsum(2)
    future = torch.ones(size, size, dtype=torch.bool, device=x.device).triu(1)[..., None]
    decays = (until[..., :, None, :] - until[..., None, :, :]).masked_fill(future, float("-inf")).exp()
    within = (decays * x[..., None, :, :]).sum(-2)
    grown = until.exp()
    state = torch.zeros(batch, width, dtype=x.dtype, device=x.device) if initial_state is None else initial_state
    outputs = []
    for i in range(x.shape[1]):
        outputs.append(within[:, i] + grown[:, i] * state[:, None])
        state = outputs[-1][:, -1]
    return torch.cat(outputs, dim=1)[:, :length], (state if output_final_state else None)


fused_recurrent_hgrn = chunk_hgrn


def _decayed_values(q, k, v, g, initial_state):
    """S_t = S_{t-1} diag(exp(g_t)) + k_t v_t^T, o_t = S_t^T q_t; decays g [B, T, H, V] of values."""
    length, size = q.shape[1], 16
    q, k, v, g = [_chunks(x, size) for x in (q, k, v, g)]
    g = g.cumsum(-2)
    scores = (q @ k.transpose(-1, -2)).tril()
    future = torch.ones(size, size, dtype=torch.bool, device=q.device).triu(1)[..., None]
    decays = (g[..., :, None, :] - g[..., None, :, :]).masked_fill(future, float("-inf")).exp()
    within = (scores[..., None] * decays * v[..., None, :, :]).sum(-2)
    grown, kept, last = g.exp(), v * (g[..., -1:, :] - g).exp(), g[..., -1:, :].exp()
    state = _start(initial_state, k, v)
    outputs = []
    for i in range(q.shape[2]):
        outputs.append(within[:, :, i] + (q[:, :, i] @ state) * grown[:, :, i])
        state = state * last[:, :, i] + k[:, :, i].transpose(-1, -2) @ kept[:, :, i]
    return _joined(outputs, length), state


def chunk_gsa(
    q, k, v, s, g=None, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False, **kwargs
):
    """Gated slot attention (Zhang et al. 2024, arXiv:2409.07146): softmax over slots s [B, T, H, M] that decay by g."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    q, k, v, s, g = _swapped(head_first, q, k, v, s, g)
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    if g is None:
        z = s.logcumsumexp(1)
        g = torch.cat([z[:, :1], z[:, :-1]], dim=1) - z
        s = (s - z).exp()
    k, v, s, g = [x.repeat_interleave(q.shape[2] // x.shape[2], dim=2) for x in (k, v, s, g)]
    hk, hv = (None, None) if initial_state is None else initial_state
    slots, hk = _decayed_values(q * scale, k, s, g, hk)
    o, hv = _gated(slots.softmax(-1), s, v, g, 1.0, hv, True)
    return _swapped(head_first, o)[0], ((hk, hv) if output_final_state else None)


def fused_recurrent_gsa(q, k, v, s, g=None, scale=None, initial_state=None, output_final_state=False, reverse=False,
                        cu_seqlens=None, head_first=False, **kwargs):
    _extra(kwargs)
    if reverse:
        raise NotImplementedError("reverse is not supported")
    return chunk_gsa(q, k, v, s, g, scale, initial_state, output_final_state, cu_seqlens, head_first)


def chunk_abc(q, k, v, s, initial_state=None, output_final_state=False, head_first=False, **kwargs):
    """Attention with bounded memory (Peng et al. 2021, arXiv:2110.02488)."""
    _extra(kwargs)
    return chunk_gsa(q, k, v, s, None, None, initial_state, output_final_state, None, head_first)


def chunk_lightning_attn(
    q, k, v, layer_idx, num_layers, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None,
    head_first=False, **kwargs
):
    _extra(kwargs)
    heads = q.shape[1] if head_first else q.shape[2]
    gamma = -(8 / heads * (1 - layer_idx / num_layers)) * torch.arange(heads, dtype=q.dtype, device=q.device)
    return chunk_simple_gla(q, k, v, None, gamma, scale, initial_state, output_final_state, cu_seqlens, head_first)


fused_recurrent_lightning_attn = chunk_lightning_attn


def chunk_lightnet(q, k, v, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, **kwargs):
    """Keys normalised by the running sum of their exponentials."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if initial_state is not None:
        raise NotImplementedError("a cache is not supported")
    z = k.logcumsumexp(1)
    g = torch.cat([z[:, :1], z[:, :-1]], dim=1) - z
    o, state = _gated(q, (k - z).exp(), v, g, scale, None, output_final_state)
    return o, (state, z[:, -1:])


fused_recurrent_lightnet = chunk_lightnet


def _taylor_features(x):
    outer = (x[..., :, None] * x[..., None, :]).flatten(-2)
    return torch.cat([torch.ones_like(x[..., :1]), x, outer * 2**-0.5], dim=-1)


def parallel_based(q, k, v, scale=None, use_norm=True, head_first=False, **kwargs):
    """Based (Arora et al. 2024, arXiv:2402.18668): 1 + s + s^2 / 2 of the scores s; [B, T, H, D]."""
    _extra(kwargs)
    q, k, v = _swapped(head_first, q, k, v)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    return _swapped(head_first, _normed(_taylor_features(q * scale), _taylor_features(k), v, use_norm, 1e-6))[0]


def parallel_rebased(q, k, v, eps=1e-5, use_scale=True, use_normalize=True, return_both=False, head_first=False, **kwargs):
    """ReBased (Aksenov et al. 2024, arXiv:2402.10644): squared scores."""
    _extra(kwargs)
    q, k, v = _swapped(head_first, q, k, v)
    if use_scale:
        q = q * q.shape[-1] ** -0.5
    q, k = [(x[..., :, None] * x[..., None, :]).flatten(-2) for x in (q, k)]
    return _swapped(head_first, _normed(q, k, v, use_normalize, eps))[0]


def _normed(q, k, v, normalize, eps):
    o, _ = _gated(q, k, v, None, 1.0, None, False)
    return o / ((q * k.cumsum(1)).sum(-1, keepdim=True) + eps) if normalize else o


def parallel_simple_gla(q, k, v, g=None, scale=None, output_attentions=False, cu_seqlens=None, head_first=False, **kwargs):
    _extra(kwargs)
    o, _ = chunk_simple_gla(q, k, v, g, None, scale, None, False, cu_seqlens, head_first)
    return o, None


def parallel_retention(q, k, v, scale=None, output_attentions=False, cu_seqlens=None, head_first=False, **kwargs):
    _extra(kwargs)
    o, _ = chunk_retention(q, k, v, scale, None, False, cu_seqlens, head_first)
    return o, None
