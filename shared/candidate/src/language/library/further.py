"""Kernels of states that remember more than their last: preconditioned, erased by channel, with momentum, solved for."""


def chunk_gdn2(
    q, k, v, g, b, w, scale=None, initial_state=None, output_final_state=False, use_qk_l2norm_in_kernel=False,
    cu_seqlens=None, **kwargs
):
    """S_t = (I - k_t (b_t k_t)^T) diag(exp(g_t)) S_{t-1} + k_t (w_t v_t)^T: erased and written by channel."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if use_qk_l2norm_in_kernel:
        q, k = l2norm(q), l2norm(k)
    heads = v.shape[2]
    q, k, g, b = [_grouped(x, heads) for x in (q, k, g, b)]
    return _diagonal_low_rank(q, k, w * v, -b * k * g.exp(), k, g, scale, initial_state, output_final_state)


fused_recurrent_gdn2 = chunk_gdn2


def _decayed_sum(x, g):
    """y_t = exp(g_t) y_{t-1} + x_t of x [B, T, H, K], g [B, T, H] or [B, T, H, K]."""
    decays = g.unsqueeze(-1).expand(x.shape) if g.dim() == 3 else g
    return chunk_hgrn(x.flatten(2), decays.flatten(2))[0].view(x.shape)


def _squashed(k, g, beta, x, eps, center):
    """k over the running mean square of k, squashed to a factor within [1 / x, x] (`precond_*`)."""
    center = -0.2 if center is None else center
    if torch.is_tensor(center):
        center = center.view(1, 1, -1, 1)
    level = torch.log(_decayed_sum(beta.unsqueeze(-1) * k * k, g) + eps) - center
    return k * torch.exp(-math.log(x) * level / (1 + level.abs()))


def chunk_precond_gated_delta_rule(
    q, k, v, g_atk, g, beta_atk, beta, scale=None, initial_state=None, initial_A_state=None, output_final_state=False,
    use_qk_l2norm_in_kernel=False, x=1.5, eps=1e-6, log_atk_scale=None, cu_seqlens=None, **kwargs
):
    """The gated delta rule whose writes are preconditioned; g_atk, beta_atk [B, T, H] move the preconditioner."""
    return chunk_precond_kda(
        q, k, v, g, g_atk, beta_atk, beta, scale, initial_state, initial_A_state, output_final_state,
        use_qk_l2norm_in_kernel, x, eps, log_atk_scale, cu_seqlens, **kwargs
    )


def chunk_precond_kda(
    q, k, v, g, g_atk, beta_atk, beta, scale=None, initial_state=None, initial_A_state=None, output_final_state=False,
    use_qk_l2norm_in_kernel=False, x=1.5, eps=1e-6, log_atk_scale=None, cu_seqlens=None, use_gate_in_kernel=False,
    lower_bound=None, **kwargs
):
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if initial_A_state is not None or use_gate_in_kernel:
        raise NotImplementedError("a state of the preconditioner and gates in the kernel are not supported")
    if use_qk_l2norm_in_kernel:
        q, k = l2norm(q), l2norm(k)
    heads = v.shape[2]
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    written = _squashed(k, g_atk, beta_atk, x, eps, log_atk_scale)
    q, k, written = [_grouped(y, heads) for y in (q, k, written)]
    g = g.unsqueeze(-1).expand(k.shape) if g.dim() == 3 else g
    written = written * beta.unsqueeze(-1)
    o, state = _diagonal_low_rank(q, written, v, -k * g.exp(), written, g, scale, initial_state, output_final_state)
    return o, state, None


fused_recurrent_precond_gated_delta_rule = chunk_precond_gated_delta_rule
fused_recurrent_precond_kda = chunk_precond_kda


def chunk_momentum_delta_rule(
    q, k, v, log_alpha, log_mu, p=None, beta=None, eta=None, scale=None, initial_state=None, output_final_state=False,
    use_qk_l2norm_in_kernel=False, use_p_times_alpha=False, cu_seqlens=None, **kwargs
):
    """M_t = mu_t M_{t-1} - eta_t k_t (v_t - S_{t-1}^T p_t)^T, S_t = alpha_t S_{t-1} - beta_t M_t, o_t = scale S_t^T q_t.

    What step j wrote, u_j = v_j - S_{j-1}^T p_j, is in S_i by the factor c_ij = sum over j <= s <= i of alpha_{s+1..i}
    beta_s mu_{j+1..s}, so within a chunk u solves a unit lower triangular system."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if initial_state is not None:
        raise NotImplementedError("a cache is not supported")
    p = k if p is None else p
    if use_qk_l2norm_in_kernel:
        q, k, p = l2norm(q), l2norm(k), l2norm(p)
    if use_p_times_alpha:
        p = p * log_alpha.exp().unsqueeze(-1)
    one = torch.ones_like(log_alpha)
    beta, eta = one if beta is None else beta, one if eta is None else eta
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    length = q.shape[1]
    size = _CHUNK
    q, k, v, p = [_chunks(x, size) for x in (q * scale, k * eta.unsqueeze(-1), v, p)]
    alpha, mu, beta = [_chunks(x.unsqueeze(-1), size).squeeze(-1) for x in (log_alpha, log_mu, beta)]
    alpha, mu = alpha.cumsum(-1), mu.cumsum(-1)
    fall, slide = _decays(alpha), _decays(mu)
    # passed[i, j]: what of M after step j is in S after step i.
    passed = (fall * beta[..., None, :]) @ slide
    carried = ((fall * beta[..., None, :]) @ mu.exp().unsqueeze(-1)).squeeze(-1)
    after = lambda x: F.pad(x[..., :-1], (1, 0))
    earlier = F.pad(passed[..., :-1, :], (0, 0, 1, 0))
    grown = F.pad(alpha[..., :-1], (1, 0)).exp()
    inverse = _unit_lower_inverse((p @ k.transpose(-1, -2)) * earlier)
    values = inverse @ v
    from_s = inverse @ (p * grown.unsqueeze(-1))
    from_m = inverse @ (p * after(carried).unsqueeze(-1))
    scores = (q @ k.transpose(-1, -2)) * passed
    read_s, read_m = q * alpha.exp().unsqueeze(-1), q * carried.unsqueeze(-1)
    kept_s = k * passed[..., -1, :].unsqueeze(-1)
    kept_m = k * slide[..., -1, :].unsqueeze(-1)
    end = lambda x: x[..., -1, None, None]
    last_alpha, last_mu, last_carried = end(alpha.exp()), end(mu.exp()), end(carried)
    s = _start(None, k, v)
    m = s
    outputs = []
    for i in range(q.shape[2]):
        u = values[:, :, i] - from_s[:, :, i] @ s + from_m[:, :, i] @ m
        outputs.append(read_s[:, :, i] @ s - read_m[:, :, i] @ m + scores[:, :, i] @ u)
        s, m = (
            last_alpha[:, :, i] * s - last_carried[:, :, i] * m + kept_s[:, :, i].transpose(-1, -2) @ u,
            last_mu[:, :, i] * m - kept_m[:, :, i].transpose(-1, -2) @ u,
        )
    return _joined(outputs, length), (torch.stack([s, m]) if output_final_state else None)


fused_recurrent_momentum_delta_rule = chunk_momentum_delta_rule


def chunk_mesa_net(
    q, k, v, g, beta, lamb, h_kk_init=None, h_kv_init=None, output_final_state=False, max_CG_iteration=30,
    use_qk_l2norm_in_kernel=False, cu_seqlens=None, **kwargs
):
    """MesaNet (von Oswald et al. 2025, arXiv:2506.05233): o_t = V_t^T (K_t + diag(lamb))^-1 q_t of the decayed sums K_t of
    k k^T and V_t of k v^T, solved by steps of conjugate gradients for all steps of a chunk at once."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if h_kk_init is not None or h_kv_init is not None:
        raise NotImplementedError("a cache is not supported")
    if use_qk_l2norm_in_kernel:
        q, k = l2norm(q), l2norm(k)
    length = q.shape[1]
    q, k, v = [_chunks(x, _CHUNK) for x in (q, k, v)]
    g, beta = [_chunks(x.unsqueeze(-1), _CHUNK).squeeze(-1) for x in (g, beta)]
    g = g.cumsum(-1)
    decays = _decays(g) * beta[..., None, :]
    grown, last = g.exp().unsqueeze(-1), g[..., -1].exp()[..., None, None]
    kept = k * ((g[..., -1:] - g).exp() * beta).unsqueeze(-1)
    squares, products = [], []
    kk, kv = _start(None, k, k), _start(None, k, v)
    for i in range(q.shape[2]):
        squares.append(kk)
        products.append(kv)
        kk = kk * last[:, :, i] + kept[:, :, i].transpose(-1, -2) @ k[:, :, i]
        kv = kv * last[:, :, i] + kept[:, :, i].transpose(-1, -2) @ v[:, :, i]
    squares, products = torch.stack(squares, dim=2), torch.stack(products, dim=2)
    lamb = lamb[None, :, None, None, :]
    apply = lambda p: (p * grown) @ squares + ((p @ k.transpose(-1, -2)) * decays) @ k + lamb * p
    x, r = torch.zeros_like(q), q
    p, old = r, (r * r).sum(-1, keepdim=True)
    for _ in range(max_CG_iteration):
        moved = apply(p)
        step = old / ((p * moved).sum(-1, keepdim=True) + 1e-5)
        x, r = x + step * p, r - step * moved
        new = (r * r).sum(-1, keepdim=True)
        p = r + new / (old + 1e-5) * p
        old = new
    o = (x * grown) @ products + ((x @ k.transpose(-1, -2)) * decays) @ v
    batch, heads = o.shape[:2]
    o = o.reshape(batch, heads, -1, o.shape[-1])[:, :, :length].transpose(1, 2)
    return o, (kk if output_final_state else None), (kv if output_final_state else None)


def _circle_table(readout):
    """The read-out of slots [H, C, C] in the Fourier modes of the circle [H, C, C + 1]; the second mode, a sine of no
    frequency, is empty."""
    period = readout.shape[-1]
    mode = torch.arange(period + 1, device=readout.device)
    angle = torch.arange(period, device=readout.device)[:, None] * (mode // 2) * (2 * math.pi / period)
    size = torch.where(mode == 0, 1.0, torch.where(mode == 1, 0.0, 2.0)).div(period).sqrt()
    return readout @ (size * torch.where(mode % 2 == 0, torch.cos(angle), torch.sin(angle))).to(readout.dtype)


def chunk_cyfa(
    q, k, v, g, delta, beta, readout, q_norm_weight, k_norm_weight, q_norm_eps, k_norm_eps, scale=None,
    initial_state=None, output_final_state=False, cu_seqlens=None, **kwargs
):
    """Attention over M slots on a circle that turns by delta [B, T, H]: writes go where the clock stands, in Fourier
    modes of the circle; slots are read by softmax over their keys."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if initial_state is not None:
        raise NotImplementedError("a cache is not supported")
    slots = readout.shape[-1] + 1
    q, k = _rms(q, q_norm_weight, None, q_norm_eps), _rms(k, k_norm_weight, None, k_norm_eps)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    mode = torch.arange(slots, device=q.device)
    cosine, turns = mode % 2 == 0, mode // 2
    angle = delta.cumsum(1).unsqueeze(-1) * (turns * (2 * math.pi / (slots - 1))).to(q.dtype)
    cos, sin = torch.cos(angle), torch.sin(angle)
    size = torch.where(turns == 0, 1.0, 2.0).div(slots - 1).sqrt()
    write = beta.unsqueeze(-1) * size * torch.where(cosine, cos, -sin)
    mate = torch.where(cosine, mode + 1, mode - 1).clamp(0, slots - 1)
    sign = torch.where(cosine, -1.0, 1.0)
    table = _circle_table(readout)
    seen, _ = _gated(q, k, write, g, scale, None, False)
    seen = cos * seen + sign * sin * seen[..., mate]
    weights = torch.einsum("hrm,bthm->bthr", table, seen).softmax(-1)
    weights = torch.einsum("hrm,bthr->bthm", table, weights)
    weights = cos * weights - sign * sin * weights[..., mate]
    return _gated(weights, write, v, g, 1.0, None, False)[0], None


fused_recurrent_cyfa = chunk_cyfa
