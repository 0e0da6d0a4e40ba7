"""Rotary embeddings as `rotary_embedding_torch` offers them (Su et al. 2021, arXiv:2104.09864), pairs side by side."""


def _quarter_turn(x):
    pairs = x.unflatten(-1, (-1, 2))
    return torch.stack([-pairs[..., 1], pairs[..., 0]], dim=-1).flatten(-2)


def apply_rotary_emb(freqs, t, start_index=0, scale=1.0, seq_dim=-2, freqs_seq_dim=None):
    """Rotate the features from start_index on by the angles freqs."""
    if freqs_seq_dim is None and (freqs.ndim == 2 or t.ndim == 3):
        freqs_seq_dim = 0
    if freqs_seq_dim is not None:
        length, n = t.shape[seq_dim], freqs.shape[freqs_seq_dim]
        freqs = freqs.narrow(freqs_seq_dim, max(n - length, 0), min(length, n))
    end = start_index + freqs.shape[-1]
    assert end - start_index <= t.shape[-1], "more angles than features"
    middle = t[..., start_index:end]
    middle = middle * freqs.cos() * scale + _quarter_turn(middle) * freqs.sin() * scale
    return torch.cat([t[..., :start_index], middle, t[..., end:]], dim=-1)


class rotary_embedding_torch_RotaryEmbedding(nn.Module):
    def __init__(self, dim, custom_freqs=None, freqs_for="lang", theta=10000, max_freq=10, num_freqs=1,
                 learned_freq=False, use_xpos=False, xpos_scale_base=512, interpolate_factor=1.0,
                 theta_rescale_factor=1.0, seq_before_head_dim=False, cache_if_possible=True, cache_max_seq_len=8192):
        super().__init__()
        theta = theta * theta_rescale_factor ** (dim / (dim - 2))
        if custom_freqs is not None:
            freqs = custom_freqs
        elif freqs_for == "lang":
            freqs = theta ** (-torch.arange(0, dim, 2)[: dim // 2].float() / dim)
        elif freqs_for == "pixel":
            freqs = torch.linspace(1.0, max_freq / 2, dim // 2) * math.pi
        elif freqs_for == "constant":
            freqs = torch.ones(num_freqs)
        else:
            raise ValueError("freqs_for must be lang, pixel or constant")
        self.freqs = nn.Parameter(freqs, requires_grad=learned_freq)
        self.default_seq_dim = -3 if seq_before_head_dim else -2
        self.interpolate_factor, self.use_xpos, self.scale_base = interpolate_factor, use_xpos, xpos_scale_base
        if use_xpos:
            self.register_buffer("scale", (torch.arange(0, dim, 2) + 0.4 * dim) / (1.4 * dim), persistent=False)

    @property
    def device(self):
        return self.freqs.device

    def get_seq_pos(self, seq_len, device=None, dtype=None, offset=0):
        return (torch.arange(seq_len).float() + offset) / self.interpolate_factor

    def forward(self, t, seq_len=None, offset=0):
        return (t.float().unsqueeze(-1) * self.freqs).repeat_interleave(2, dim=-1)

    def get_scale(self, t, seq_len=None, offset=0):
        assert self.use_xpos
        power = (t - len(t) // 2) / self.scale_base
        return (self.scale ** power.unsqueeze(-1)).repeat_interleave(2, dim=-1)

    def rotate_queries_or_keys(self, t, seq_dim=None, offset=0, scale=None):
        assert not self.use_xpos or scale is not None, "with xpos queries and keys are rotated together"
        seq_dim = self.default_seq_dim if seq_dim is None else seq_dim
        freqs = self.forward(self.get_seq_pos(t.shape[seq_dim], offset=offset))
        freqs = freqs.unsqueeze(1) if seq_dim == -3 else freqs
        return apply_rotary_emb(freqs, t, scale=1.0 if scale is None else scale, seq_dim=seq_dim)

    def rotate_queries_and_keys(self, q, k, seq_dim=None):
        assert self.use_xpos
        seq_dim = self.default_seq_dim if seq_dim is None else seq_dim
        positions = self.get_seq_pos(q.shape[seq_dim])
        freqs, scale = self.forward(positions), self.get_scale(positions)
        if seq_dim == -3:
            freqs, scale = freqs.unsqueeze(1), scale.unsqueeze(1)
        return tuple(
            apply_rotary_emb(freqs, x, scale=s, seq_dim=seq_dim) for x, s in ((q, scale), (k, scale**-1))
        )

    def rotate_queries_with_cached_keys(self, q, k, seq_dim=None, offset=0):
        seq_dim = self.default_seq_dim if seq_dim is None else seq_dim
        n, m = q.shape[seq_dim], k.shape[seq_dim]
        above = below = 1.0
        if self.use_xpos:
            below = self.get_scale(self.get_seq_pos(m))
            above = below[m - n :]
        q = self.rotate_queries_or_keys(q, seq_dim, m - n + offset, above)
        return q, self.rotate_queries_or_keys(k, seq_dim, 0, below**-1)
