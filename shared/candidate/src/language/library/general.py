"""Kernels whose state moves by a diagonal plus a rank-one matrix: RWKV-7, KDA, Comba, and general delta rules."""


def _pair_scores(x, y, above, below, keep):
    """sum_d x_id y_jd exp(above_id - below_jd) where keep[i, j], else 0; all [B, H, N, C, D]."""
    decays = (above[..., :, None, :] - below[..., None, :, :]).masked_fill(~keep[..., None], float("-inf")).exp()
    return (x[..., :, None, :] * y[..., None, :, :] * decays).sum(-1)


def _diagonal_low_rank(q, k, v, a, b, g, scale, initial_state, output_final_state):
    """S_t = (diag(exp(g_t)) + b_t a_t^T) S_{t-1} + k_t v_t^T, o_t = scale S_t^T q_t; all [B, T, H, D], g log decays.

    With u_t = S_{t-1}^T a_t the state is linear attention over the pairs (b, u) and (k, v); u solves a unit lower
    triangular system within a chunk (as in Peng et al. 2025, arXiv:2503.14456)."""
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    length, size = q.shape[1], 16
    q, k, v, a, b, g = [_chunks(x, size) for x in (q * scale, k, v, a, b, g)]
    until = g.cumsum(-2)
    before = until - g
    index = torch.arange(size, device=q.device)
    upto, under = index[:, None] >= index[None, :], index[:, None] > index[None, :]
    inverse = _unit_lower_inverse(-_pair_scores(a, b, before, until, under))
    fixed = inverse @ (_pair_scores(a, k, before, until, under) @ v)
    moved = inverse @ (a * before.exp())
    reads_b, reads_k = _pair_scores(q, b, until, until, upto), _pair_scores(q, k, until, until, upto)
    read, rest = q * until.exp(), (until[..., -1:, :] - until).exp()
    kept_b, kept_k, last = b * rest, k * rest, until[..., -1, :].exp().unsqueeze(-1)
    state = _start(initial_state, k, v)
    outputs = []
    for i in range(q.shape[2]):
        u = fixed[:, :, i] + moved[:, :, i] @ state
        outputs.append(read[:, :, i] @ state + reads_b[:, :, i] @ u + reads_k[:, :, i] @ v[:, :, i])
        state = state * last[:, :, i]
        state = state + kept_b[:, :, i].transpose(-1, -2) @ u + kept_k[:, :, i].transpose(-1, -2) @ v[:, :, i]
    return _joined(outputs, length), (state if output_final_state else None)


def chunk_dplr_delta_rule(
    q, k, v, a, b, gk, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, **kwargs
):
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    return _diagonal_low_rank(q, k, v, a, b, gk, scale, initial_state, output_final_state)


fused_recurrent_dplr_delta_rule = chunk_dplr_delta_rule


def chunk_iplr_delta_rule(q, k, v, a, b, scale=None, initial_state=None, output_final_state=False, cu_seqlens=None, **kwargs):
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    return _diagonal_low_rank(q, k, v, a, b, torch.zeros_like(k), scale, initial_state, output_final_state)


fused_recurrent_iplr_delta_rule = chunk_iplr_delta_rule


def chunk_rwkv7(
    r, w, k, v, a, b, scale=1.0, initial_state=None, output_final_state=False, cu_seqlens=None, head_first=False,
    lower_bound=None, **kwargs
):
    """RWKV-7 (Peng et al. 2025, arXiv:2503.14456); w: log decays, which are promised to be above lower_bound."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    r, w, k, v, a, b = _swapped(head_first, r, w, k, v, a, b)
    scale = k.shape[-1] ** -0.5 if scale in (None, -1.0) else scale
    o, state = _diagonal_low_rank(r, k, v, a, b, w, scale, initial_state, output_final_state)
    return _swapped(head_first, o)[0], state


fused_recurrent_rwkv7 = chunk_rwkv7


def fused_mul_recurrent_rwkv7(
    r, w, k, v, kk, a, scale=1.0, initial_state=None, output_final_state=False, reverse=False, cu_seqlens=None, **kwargs
):
    _extra(kwargs)
    if reverse:
        raise NotImplementedError("reverse is not supported")
    return chunk_rwkv7(r, w, k, v, -kk, kk * a, scale, initial_state, output_final_state, cu_seqlens)


def fused_addcmul_rwkv7(hidden_states, delta, xr, xw, xk, xv, xa, xg=None):
    mixed = [None if x is None else torch.addcmul(hidden_states, delta, x) for x in (xr, xw, xk, xv, xa, xg)]
    return tuple(mixed)


def fused_k_rwkv7(k, a, ka, **kwargs):
    _extra(kwargs)
    return k.addcmul(k * (a - 1), ka)


def gate_output_correction(o, r, k, r_k, v, g):
    return (o + ((r * k * r_k).sum(-1, keepdim=True) * v).view(o.shape)) * g


def fused_kda_gate(g, A_log=None, dt_bias=None, lower_bound=None, output_dtype=None, g_bias=None, **kwargs):
    _extra(kwargs)
    if isinstance(dt_bias, int):
        # Before 0.5 the third argument was the size of a head, and g was flat.
        g, dt_bias = g.unflatten(-1, (-1, dt_bias)), g_bias
    if dt_bias is not None:
        g = g + dt_bias.view(g.shape[-2], -1)
    rate = 1.0 if A_log is None else A_log.view(-1, 1).exp()
    if lower_bound is not None:
        return lower_bound * torch.sigmoid(rate * g)
    return -rate * F.softplus(g)


def _grouped(x, heads):
    return x if x.shape[2] == heads else x.repeat_interleave(heads // x.shape[2], dim=2)


def chunk_kda(
    q, k, v, g, beta, scale=None, initial_state=None, output_final_state=False, use_qk_l2norm_in_kernel=False,
    use_gate_in_kernel=False, use_beta_sigmoid_in_kernel=False, allow_neg_eigval=False, lower_bound=None, A_log=None,
    dt_bias=None, state_v_first=False, cu_seqlens=None, **kwargs
):
    """Kimi delta attention: S_t = (I - beta_t k_t k_t^T) diag(exp(g_t)) S_{t-1} + beta_t k_t v_t^T."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if use_qk_l2norm_in_kernel:
        q, k = l2norm(q), l2norm(k)
    if use_gate_in_kernel:
        g = fused_kda_gate(g, A_log, dt_bias, lower_bound)
    if use_beta_sigmoid_in_kernel:
        beta = torch.sigmoid(beta) * (2.0 if allow_neg_eigval else 1.0)
    q, k = _grouped(q, v.shape[2]), _grouped(k, v.shape[2])
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    written = k * beta.unsqueeze(-1)
    return _diagonal_low_rank(q, written, v, -k * g.exp(), written, g, scale, initial_state, output_final_state)


fused_recurrent_kda = chunk_kda


def chunk_comba(
    q, k, v, p, g, beta=None, scale=None, initial_state=None, output_final_state=False, use_qk_l2norm_in_kernel=False,
    cu_seqlens=None, **kwargs
):
    """Comba: the state is corrected by what it holds at p instead of k."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if use_qk_l2norm_in_kernel:
        q, k, p = l2norm(q), l2norm(k), l2norm(p)
    beta = torch.ones_like(g) if beta is None else beta
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    decays = g.unsqueeze(-1).expand(k.shape)
    written = k * beta.unsqueeze(-1)
    return _diagonal_low_rank(q, written, v, -p * decays.exp(), written, decays, scale, initial_state, output_final_state)


def fused_recurrent_comba(q, k, p, v, g, beta=None, scale=None, initial_state=None, output_final_state=False,
                          use_qk_l2norm_in_kernel=False, cu_seqlens=None, **kwargs):
    _extra(kwargs)
    return chunk_comba(q, k, v, p, g, beta, scale, initial_state, output_final_state, use_qk_l2norm_in_kernel, cu_seqlens)


def chunk_gated_delta_product(
    q, k, v, g, beta, num_householder, scale=None, initial_state=None, output_final_state=False,
    use_qk_l2norm_in_kernel=False, cu_seqlens=None, **kwargs
):
    """Several delta updates per step (Siems et al. 2025, arXiv:2502.10297); k, v, beta hold num_householder per step."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    n = num_householder
    batch, length, heads, _ = q.shape
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    if use_qk_l2norm_in_kernel:
        q, k = l2norm(q), l2norm(k)
    # Queries stand after the last update of a step, decays before the first.
    q = F.pad(q.unsqueeze(2), (0, 0, 0, 0, n - 1, 0)).flatten(1, 2)
    if g is not None:
        g = F.pad(g.unsqueeze(2), (0, 0, 0, n - 1)).flatten(1, 2)
    o, state = _delta(q, k, v, g, beta, scale, initial_state, output_final_state, False, None, False)
    return o.unflatten(1, (length, n))[:, :, -1], state
