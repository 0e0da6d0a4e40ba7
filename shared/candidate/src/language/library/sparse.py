"""Attentions over chosen blocks of the past. What is chosen is a mask, so that its dependencies are exact."""


def _pooled(x, size):
    """Means of whole blocks of `size` steps: [B, T, H, D] -> [B, T // size, H, D]; what is left over has none."""
    count = x.shape[1] // size
    return x[:, : count * size].unflatten(1, (count, size)).mean(2)


def _highest(scores, allowed, count):
    """Which of the last dimension are among the `count` highest of those allowed; the first of equals wins."""
    length = scores.shape[-1]
    index = torch.arange(length, device=scores.device)
    scores = scores.masked_fill(~allowed, float("-inf"))
    own, other = scores[..., :, None], scores[..., None, :]
    ahead = (other > own) | ((other == own) & (index[None, :] < index[:, None]))
    return allowed & (ahead.to(scores.dtype).sum(-1) < count)


def parallel_moba(q, k, v, cu_seqlens=None, max_seqlen=None, chunk_size=256, topk=4, **kwargs):
    """Mixture of block attention (Lu et al. 2025, arXiv:2502.13189): the own block and the topk - 1 earlier blocks whose
    mean key fits best."""
    _extra(kwargs)
    if cu_seqlens is None:
        return _moba(q, k, v, chunk_size, topk)
    # Sequences of one length, one after the other, as layers pack a batch.
    rows = cu_seqlens.shape[0] - 1
    split = [x.reshape(rows, -1, *x.shape[2:]) for x in (q, k, v)]
    return _moba(*split, chunk_size, topk).reshape(q.shape)


def _moba(q, k, v, size, topk):
    length = q.shape[1]
    k, v = _grouped(k, q.shape[2]), _grouped(v, q.shape[2])
    step = torch.arange(length, device=q.device)
    visible = step[:, None] >= step[None, :]
    # The last block of a sequence is never chosen from outside.
    blocks = (length - 1) // size
    if blocks > 0 and topk > 1:
        fit = torch.einsum("bihd,bnhd->bhin", q, _pooled(k[:, : blocks * size], size))
        past = (torch.arange(blocks, device=q.device)[None, :] + 1) * size <= step[:, None]
        chosen = _highest(fit, past.expand(fit.shape), topk - 1)
        chosen = F.pad(chosen.repeat_interleave(size, dim=-1), (0, length - blocks * size))
        visible = visible & (chosen | (step[:, None] // size == step[None, :] // size))
    scores = torch.einsum("bihd,bjhd->bhij", q * q.shape[-1] ** -0.5, k)
    return torch.einsum("bhij,bjhd->bihd", scores.masked_fill(~visible, float("-inf")).softmax(-1), v)


def parallel_nsa(
    q, k, v, g_cmp=None, g_slc=None, g_swa=None, block_indices=None, block_counts=16, block_size=64, window_size=0,
    scale=None, cu_seqlens=None, **kwargs
):
    """Native sparse attention (Yuan et al. 2025, arXiv:2502.11089): gated sum of attention over block means, over chosen
    blocks and over a window. Chosen are the first, the own and the previous block, and those of the highest weight."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if block_indices is not None or not isinstance(block_counts, int):
        raise NotImplementedError("blocks chosen from outside (block_indices) and counts per step are not supported")
    if g_cmp is None:
        raise NotImplementedError("without g_cmp there is nothing to choose blocks by")
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    length, heads, groups = q.shape[1], q.shape[2], k.shape[2]
    count = -(-length // block_size)
    fill = count * block_size - length
    step, block = torch.arange(length, device=q.device), torch.arange(count, device=q.device)
    means = [
        _grouped(F.pad(x, (0, 0, 0, 0, 0, fill)).unflatten(1, (count, block_size)).mean(2), heads) for x in (k, v)
    ]
    whole = (block[None, :] + 1) * block_size - 1 <= step[:, None]
    fit = torch.einsum("bihd,bnhd->bhin", q * scale, means[0])
    weights = _masked_softmax(fit, whole)
    o = torch.einsum("bhin,bnhd->bihd", weights, means[1]) * g_cmp.unsqueeze(-1)
    own = step[:, None] // block_size
    forced = (block[None, :] == own) | (block[None, :] == own - 1) | (block[None, :] == 0)
    ranked = weights.unflatten(1, (groups, -1)).mean(2).masked_fill(forced, 1.0)
    chosen = _highest(ranked, (whole | forced).expand(ranked.shape), block_counts)
    chosen = chosen.repeat_interleave(block_size, dim=-1)[..., :length].repeat_interleave(heads // groups, dim=1)
    visible = step[:, None] >= step[None, :]
    scores = torch.einsum("bihd,bjhd->bhij", q * scale, _grouped(k, heads))
    v = _grouped(v, heads)
    selected = torch.einsum("bhij,bjhd->bihd", _masked_softmax(scores, visible & chosen), v)
    o = o + (selected if g_slc is None else selected * g_slc.unsqueeze(-1))
    if window_size > 0:
        near = visible & (step[:, None] - step[None, :] < window_size)
        near = torch.einsum("bhij,bjhd->bihd", _masked_softmax(scores, near), v)
        o = o + near * g_swa.unsqueeze(-1)
    return o


def _masked_softmax(scores, visible):
    """Softmax over what is visible; zero where nothing is."""
    largest = scores.masked_fill(~visible, float("-inf")).amax(-1, keepdim=True).clamp(min=-1e30).detach()
    weights = (scores - largest).masked_fill(~visible, float("-inf")).exp()
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)
