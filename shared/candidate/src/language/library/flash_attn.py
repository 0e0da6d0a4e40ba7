"""The part of `flash_attn` that layers call in training, by its mathematics."""


def flash_attn_func(
    q, k, v, dropout_p=0.0, softmax_scale=None, causal=False, window_size=(-1, -1), softcap=0.0, alibi_slopes=None,
    deterministic=False, return_attn_probs=False, **kwargs
):
    """q [B, T, HQ, D], k, v [B, S, H, D]; step i of the last T sees window_size[0] steps before and window_size[1] after
    itself, -1 being all."""
    _extra(kwargs)
    if return_attn_probs:
        raise NotImplementedError("return_attn_probs is not supported")
    scale = q.shape[-1] ** -0.5 if softmax_scale is None else softmax_scale
    scores = _scores(q * scale, k)
    if softcap > 0:
        scores = softcap * torch.tanh(scores / softcap)
    seen = torch.arange(k.shape[1], device=q.device)[None, :]
    own = torch.arange(q.shape[1], device=q.device)[:, None] + (k.shape[1] - q.shape[1])
    if alibi_slopes is not None:
        slopes = alibi_slopes.view(-1, alibi_slopes.shape[-1], 1, 1)
        scores = scores - slopes * (own - seen).abs().to(scores.dtype)
    before, after = window_size
    after = 0 if causal else after
    hidden = seen < 0
    if before >= 0:
        hidden = hidden | (seen < own - before)
    if after >= 0:
        hidden = hidden | (seen > own + after)
    return _read(scores.masked_fill(hidden, float("-inf")).softmax(-1), v)


def flash_attn_qkvpacked_func(qkv, *args, **kwargs):
    return flash_attn_func(*qkv.unbind(2), *args, **kwargs)


def flash_attn_kvpacked_func(q, kv, *args, **kwargs):
    return flash_attn_func(q, *kv.unbind(2), *args, **kwargs)


def _equal_rows(cu_seqlens):
    ends = cu_seqlens.tolist()
    lengths = [b - a for a, b in zip(ends[:-1], ends[1:])]
    if any(n != lengths[0] for n in lengths):
        raise NotImplementedError("packed sequences of different lengths are not supported")
    return len(lengths)


def flash_attn_varlen_func(
    q, k, v, cu_seqlens_q=None, cu_seqlens_k=None, max_seqlen_q=None, max_seqlen_k=None, dropout_p=0.0, softmax_scale=None,
    causal=False, window_size=(-1, -1), **kwargs
):
    """Sequences one after the other, [N, H, D]; of one length."""
    rows, others = _equal_rows(cu_seqlens_q), _equal_rows(cu_seqlens_k)
    q, k, v = q.unflatten(0, (rows, -1)), k.unflatten(0, (others, -1)), v.unflatten(0, (others, -1))
    return flash_attn_func(q, k, v, dropout_p, softmax_scale, causal, window_size, **kwargs).flatten(0, 1)
