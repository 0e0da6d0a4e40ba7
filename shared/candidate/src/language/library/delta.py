"""Kernels of the delta rule, chunkwise in the WY form."""

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
    _extra(kwargs)
    return _delta(
        q, k, v, None, beta, scale, initial_state, output_final_state, use_qk_l2norm_in_kernel, cu_seqlens, head_first
    )


def fused_recurrent_delta_rule(
    q, k, v, beta=None, scale=None, initial_state=None, output_final_state=False, use_qk_l2norm_in_kernel=False,
    cu_seqlens=None, head_first=False, **kwargs
):
    _extra(kwargs)
    beta = torch.ones_like(q[..., 0]) if beta is None else beta
    return _delta(
        q, k, v, None, beta, scale, initial_state, output_final_state, use_qk_l2norm_in_kernel, cu_seqlens, head_first
    )


def chunk_gated_delta_rule(
    q, k, v, g=None, beta=None, scale=None, initial_state=None, output_final_state=False, use_qk_l2norm_in_kernel=False,
    use_gate_in_kernel=False, A_log=None, dt_bias=None, use_beta_sigmoid_in_kernel=False, allow_neg_eigval=False,
    cu_seqlens=None, head_first=False, **kwargs
):
    """g: log decays [B, T, H]; queries and keys of fewer heads are shared."""
    _extra(kwargs)
    if use_gate_in_kernel:
        g = fused_gdn_gate(g, A_log, dt_bias)
    beta = torch.ones_like(v[..., 0]) if beta is None else beta
    if use_beta_sigmoid_in_kernel:
        beta = torch.sigmoid(beta) * (2.0 if allow_neg_eigval else 1.0)
    if not head_first and q.shape[2] != v.shape[2]:
        q, k = [x.repeat_interleave(v.shape[2] // x.shape[2], dim=2) for x in (q, k)]
    return _delta(
        q, k, v, g, beta, scale, initial_state, output_final_state, use_qk_l2norm_in_kernel, cu_seqlens, head_first
    )


def fused_gdn_gate(g, A_log, dt_bias=None, output_dtype=None):
    return -A_log.exp() * F.softplus(g if dt_bias is None else g + dt_bias)


fused_recurrent_gated_delta_rule = chunk_gated_delta_rule
