"""Softmax attentions of `fla.ops` and `flash_attn`, quadratic in the length."""


def _visible(length, window, device):
    """[T, T]: whether step i sees step j, of the last `window` ones only."""
    index = torch.arange(length, device=device)
    visible = index[:, None] >= index[None, :]
    if window is not None:
        visible = visible & (index[:, None] - index[None, :] < window)
    return visible


def _scores(q, k):
    """[B, HQ, T, T]; keys of fewer heads are shared."""
    return torch.einsum("bihd,bjhd->bhij", q, _grouped(k, q.shape[2]))


def _read(weights, v):
    return torch.einsum("bhij,bjhd->bihd", weights, _grouped(v, weights.shape[1]))


def parallel_attn(q, k, v, g=None, scale=None, window_size=None, cu_seqlens=None, sink_bias=None, **kwargs):
    """Causal attention of q [B, T, HQ, K] over k, v [B, T, H, D]; g [B, T, HQ]: log decays between steps. `sink_bias`
    [HQ] is the score of a place that holds nothing."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = _scores(q * scale, k)
    if g is not None:
        decays = g.cumsum(1).transpose(1, 2)
        scores = scores + decays[..., :, None] - decays[..., None, :]
    scores = scores.masked_fill(~_visible(q.shape[1], window_size, q.device), float("-inf"))
    return _read(_softmax_with_sink(scores, sink_bias), v)


def _softmax_with_sink(scores, sink):
    if sink is None:
        return scores.softmax(-1)
    sink = sink.view(1, -1, 1, 1).expand(scores.shape[0], -1, scores.shape[2], 1)
    return torch.cat([scores, sink], dim=-1).softmax(-1)[..., :-1]


def parallel_forgetting_attn(q, k, v, g, scale=None, window_size=None, cu_seqlens=None, head_first=False, **kwargs):
    """Forgetting attention (Lin et al. 2025, arXiv:2503.02130)."""
    _extra(kwargs)
    q, k, v, g = _swapped(head_first, q, k, v, g)
    return _swapped(head_first, parallel_attn(q, k, v, g, scale, window_size, cu_seqlens))[0]


def parallel_parallax(q, r, k, v, scale=None, window_size=None, cu_seqlens=None, **kwargs):
    """First-order corrected attention (arXiv:2605.29157): with p = softmax(scale q k) and s = r k, the values'
    mean times (1 + mean of s) less the mean of s v."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    hidden = ~_visible(q.shape[1], window_size, q.device)
    weights = _scores(q * scale, k).masked_fill(hidden, float("-inf")).softmax(-1)
    moved = weights * _scores(r, k)
    return _read(weights * (1 + moved.sum(-1, keepdim=True)) - moved, v)


def parallel_stickbreaking_attn(q, k, v, scale=None, attend_current=False, cu_seqlens=None, **kwargs):
    """Each key takes the share sigmoid(score) of what the nearer ones have left (Tan et al. 2024, arXiv:2410.17980);
    returns the output and what is left [B, T, HQ]."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = _scores(q * scale, k)
    index = torch.arange(q.shape[1], device=q.device)
    visible = index[:, None] >= index[None, :] if attend_current else index[:, None] > index[None, :]
    kept = F.logsigmoid(-scores).masked_fill(~visible, 0.0)
    # Of the keys after j: all that are visible, less those up to j.
    nearer = kept.sum(-1, keepdim=True) - kept.cumsum(-1)
    weights = (F.logsigmoid(scores) + nearer).masked_fill(~visible, float("-inf")).exp()
    return _read(weights, v), kept.sum(-1).exp().transpose(1, 2)


def parallel_wall_attn(
    q, k, v, g, g_scalar=None, scale=None, window_size=None, cu_seqlens=None, sink_bias=None, **kwargs
):
    """Attention whose keys decay per dimension, g [B, T, HQ, K] (log decays), and per head, g_scalar [B, T, HQ]."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    visible = _visible(q.shape[1], window_size, q.device)
    until = g.cumsum(1)
    decays = until[:, :, None] - until[:, None, :]
    decays = decays.masked_fill(~visible[None, :, :, None, None], float("-inf")).exp()
    k = _grouped(k, q.shape[2])
    scores = (q[:, :, None] * k[:, None, :] * decays).sum(-1).permute(0, 3, 1, 2) * scale
    if g_scalar is not None:
        until = g_scalar.cumsum(1).transpose(1, 2)
        scores = scores + until[..., :, None] - until[..., None, :]
    return _read(_softmax_with_sink(scores.masked_fill(~visible, float("-inf")), sink_bias), v)


def deltaformer_attn(q, k, v, beta=None, attention_mask=None, cu_seqlens=None, **kwargs):
    """Attention over values that were written by the delta rule of attention itself: u_t = v_t - beta_t (mean of the
    earlier u, weighted by softmax(q_t k))."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens if attention_mask is None else attention_mask)
    scores = _scores(q * q.shape[-1] ** -0.5, k)
    index = torch.arange(q.shape[1], device=q.device)
    before = index[:, None] > index[None, :]
    # Step 0 has nothing before it; its row is masked as a whole.
    open_row = before | (index[:, None] == 0)
    earlier = scores.masked_fill(~open_row, float("-inf")).softmax(-1).masked_fill(~before, 0.0)
    if beta is not None:
        earlier = earlier * beta.transpose(1, 2)[..., None]
    length = q.shape[1]
    grown = 1 << max(length - 1, 0).bit_length()
    inverse = _unit_lower_inverse(F.pad(earlier, (0, grown - length, 0, grown - length)))[..., :length, :length]
    weights = scores.masked_fill(index[:, None] < index[None, :], float("-inf")).softmax(-1)
    return _read(weights @ inverse, v)


def parallel_path_attn(q, k, v, w, beta, g=None, scale=None, cu_seqlens=None, use_cache=False, **kwargs):
    """PaTH (Yang et al. 2025, arXiv:2505.16381): between key j and query i stand the Householder-like maps
    I - beta_s w_s w_s^T of the steps j < s <= i. With A = (I + beta tril(w w^T, -1))^-1 the scores are
    q k^T - tril(q w^T) A beta tril(w k^T, -1)."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if use_cache:
        raise NotImplementedError("a cache of transformed keys is not supported")
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    length, heads = q.shape[1], q.shape[2]
    q, k, v, w = [_grouped(x, heads).transpose(1, 2) for x in (q, k, v, w)]
    beta = _grouped(beta, heads).transpose(1, 2).unsqueeze(-1)
    grown = 1 << max(length - 1, 0).bit_length()
    w, beta = [F.pad(x, (0, 0, 0, grown - length)) for x in (w, beta)]
    inverse = _unit_lower_inverse((beta * w @ w.transpose(-1, -2)).tril(-1))[..., :length, :length]
    w, beta = w[..., :length, :], beta[..., :length, :]
    seen = (q @ w.transpose(-1, -2)).tril()
    scores = q @ k.transpose(-1, -2) - seen @ (inverse @ (beta * w @ k.transpose(-1, -2)).tril(-1))
    if g is not None:
        until = g.cumsum(1).transpose(1, 2)
        scores = scores + until[..., :, None] - until[..., None, :]
    index = torch.arange(length, device=q.device)
    weights = (scores * scale).masked_fill(index[:, None] < index[None, :], float("-inf")).softmax(-1)
    return (weights @ v).transpose(1, 2), None


parallel_path_attention = parallel_path_attn
