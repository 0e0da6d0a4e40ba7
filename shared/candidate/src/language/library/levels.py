"""Log-linear attention: a state per power of two of the past."""

_LEVELS = 5  # 2^5 steps are a chunk


def _level_masks(device, dtype):
    """[levels, C, C]: pairs j <= i by the highest bit in which i and j differ; level 0 is i = j."""
    index = torch.arange(1 << _LEVELS, device=device)
    together = [index[:, None] // (1 << n) == index[None, :] // (1 << n) for n in range(_LEVELS + 1)]
    below = index[:, None] >= index[None, :]
    masks = [together[0]] + [together[n] & ~together[n - 1] & below for n in range(1, _LEVELS + 1)]
    return torch.stack(masks).to(dtype)


def chunk_log_linear_attn(
    q, k, v, g, level_scales, initial_state=None, output_final_state=False, cu_seqlens=None, scale=1.0, **kwargs
):
    """Guo et al. 2025, arXiv:2506.04761: o_i = scale sum over j of lambda_i^level(i, j) exp(g_j+1 + .. + g_i) (q_i . k_j) v_j;
    q, k [B, T, G, K], v [B, T, H, V], g [B, T, H], level_scales [B, T, H, L]. Chunks that end a power of two are merged, so
    that log T states are kept."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if initial_state is not None or output_final_state:
        raise NotImplementedError("a cache is not supported")
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    length, heads, size = q.shape[1], v.shape[2], 1 << _LEVELS
    q, k, v, share = [_chunks(x, size) for x in (_grouped(q * scale, heads), _grouped(k, heads), v, level_scales)]
    g = _chunks(g.unsqueeze(-1), size).squeeze(-1).cumsum(-1)
    count = q.shape[2]
    needed = _LEVELS + 1 + max(count - 1, 0).bit_length()
    if share.shape[-1] < needed and length > 1 << (share.shape[-1] - 1):
        raise ValueError(f"{length} steps need {needed} levels, level_scales has {share.shape[-1]}")
    share = F.pad(share, (0, max(needed - share.shape[-1], 0)))
    weights = torch.einsum("bhnil,lij->bhnij", share[..., : _LEVELS + 1], _level_masks(q.device, q.dtype))
    within = (q @ k.transpose(-1, -2) * _decays(g) * weights) @ v
    read, last = q * g.exp().unsqueeze(-1), g[..., -1].exp()[..., None, None]
    kept = k * (g[..., -1:] - g).exp().unsqueeze(-1)
    states, outputs = {}, []
    for n in range(count):
        o = within[:, :, n]
        for level, state in states.items():
            own = share[:, :, n, :, _LEVELS + 1 + level].unsqueeze(-1)
            o = o + own * (read[:, :, n] @ state)
        outputs.append(o)
        states = {level: state * last[:, :, n] for level, state in states.items()}
        new, level = kept[:, :, n].transpose(-1, -2) @ v[:, :, n], 0
        while level in states:
            new = new + states.pop(level)
            level = level + 1
        states[level] = new
    return _joined(outputs, length), None
