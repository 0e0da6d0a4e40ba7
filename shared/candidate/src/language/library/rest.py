"""What else `fla` offers to layers: test-time training, other names, activations, sums over chunks, norms with a map."""

chunk_gdn = chunk_gated_delta_rule
fused_recurrent_gdn = chunk_gated_delta_rule
fused_chunk_delta_rule = chunk_delta_rule
fused_chunk_simple_gla = chunk_simple_gla
fused_chunk_based = parallel_based


def chunk_ttt_linear(
    q, k, v, w, b, eta, scale=None, eps=1e-6, chunk_size=16, initial_state=None, initial_state_bias=None,
    output_final_state=False, cu_seqlens=None, head_first=False, **kwargs
):
    """TTT-linear (Sun et al. 2024, arXiv:2407.04620): a step of descent per chunk on the map's error |norm(k W + c) - (v - k)|
    with rates eta [B, T, H, 1]; w, b [H, D] are the norm's. Returns (o, W, c)."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if initial_state is not None or initial_state_bias is not None:
        raise NotImplementedError("a cache is not supported")
    q, k, v = _swapped(head_first, q, k, v)
    if isinstance(eta, float):
        eta = torch.full_like(q[..., :1], eta)
    elif head_first:
        eta = eta.transpose(1, 2)
    scale = k.shape[-1] ** -0.5 if scale is None else scale
    length, width = q.shape[1], q.shape[-1]
    q, k, v, eta = [_chunks(x, chunk_size) for x in (q * scale, k, v, eta)]
    w, b = w.unsqueeze(1), b.unsqueeze(1)
    state, shift = _start(None, k, v), torch.zeros_like(k[:, :, 0, :1])
    outputs = []
    for i in range(q.shape[2]):
        q_i, k_i, eta_i = q[:, :, i], k[:, :, i], eta[:, :, i]
        guess = k_i @ state + shift
        guess, deviation = _standardised(guess, eps)
        error = (w * guess + b - (v[:, :, i] - k_i)) * w
        error = error - error.mean(-1, keepdim=True) - guess * (error * guess).mean(-1, keepdim=True)
        error = error / deviation
        rates = eta_i.expand(*eta_i.shape[:-1], chunk_size).tril()
        scores = (q_i @ k_i.transpose(-1, -2)).tril()
        o = q_i @ state - (eta_i * scores) @ error + shift - rates @ error
        # A last chunk that is not full ends with zeros, whose rates are zero too.
        last = eta_i[..., -1:, :]
        state = state - (last * k_i).transpose(-1, -2) @ error
        shift = shift - (last * error).sum(-2, keepdim=True)
        outputs.append(o + _standardised(o, eps)[0] * w + b)
    o = _swapped(head_first, _joined(outputs, length))[0]
    return (o, state, shift) if output_final_state else (o, None, None)


fused_chunk_ttt_linear = chunk_ttt_linear


def _standardised(x, eps):
    deviation = (x.var(-1, unbiased=False, keepdim=True) + eps).sqrt()
    return (x - x.mean(-1, keepdim=True)) / deviation, deviation


def sigmoid(x):
    return torch.sigmoid(x)


def fast_gelu_impl(x):
    return F.gelu(x, approximate="tanh")


def sigmoidglu(x, y):
    return torch.sigmoid(x) * y


def sigmoidglu_linear(x, y, weight, bias=None):
    return F.linear(torch.sigmoid(x) * y, weight, bias)


def softplus(x):
    return F.softplus(x)


RCP_LN2 = 1 / math.log(2)


def chunk_global_cumsum(s, reverse=False, cu_seqlens=None, scale=None, head_first=False, output_dtype=None, **kwargs):
    """Running sum over steps of [B, T, H, ..]."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    axis = 2 if head_first else 1
    total = s.flip(axis).cumsum(axis).flip(axis) if reverse else s.cumsum(axis)
    return total if scale is None else total * scale


def chunk_local_cumsum(
    g, chunk_size, reverse=False, scale=None, cu_seqlens=None, head_first=False, output_dtype=None, **kwargs
):
    """Running sum within chunks."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    g = g.transpose(1, 2) if head_first else g
    length = g.shape[1]
    fill = [0, 0] * (g.dim() - 2) + [0, -length % chunk_size]
    parts = F.pad(g, fill).unflatten(1, (-1, chunk_size))
    parts = parts.flip(2).cumsum(2).flip(2) if reverse else parts.cumsum(2)
    total = parts.flatten(1, 2)[:, :length]
    total = total if scale is None else total * scale
    return total.transpose(1, 2) if head_first else total


def mean_pooling(x, chunk_size, cu_seqlens=None, **kwargs):
    """Means of chunks of [B, T, H, D], the last over what is there."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    length = x.shape[1]
    full = length // chunk_size * chunk_size
    parts = [x[:, :full].unflatten(1, (-1, chunk_size)).mean(2)] if full > 0 else []
    if full < length:
        parts.append(x[:, full:].mean(1, keepdim=True))
    return torch.cat(parts, dim=1)


class FusedLayerNormSwishGate(FusedLayerNormGated):
    pass


class _NormThenLinear(nn.Module):
    """The map's weights are given to forward."""

    def __init__(self, hidden_size, elementwise_affine=True, eps=1e-5, device=None, dtype=None):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(hidden_size)) if elementwise_affine else None
        self.bias = None


class FusedRMSNormGatedLinear(_NormThenLinear):
    def forward(self, x, g, weight, bias, residual=None, prenorm=False, residual_in_fp32=False):
        return rms_norm_swish_gate_linear(x, g, self.weight, None, weight, bias, residual, prenorm, eps=self.eps)


class FusedRMSNormSwishGateLinear(FusedRMSNormGatedLinear):
    pass


class FusedLayerNormGatedLinear(_NormThenLinear):
    def forward(self, x, g, weight, bias, residual=None, prenorm=False, residual_in_fp32=False):
        y, x = layer_norm(x, self.weight, None, residual, self.eps, True)
        y = F.linear(y * _swish(g), weight, bias)
        return (y, x) if prenorm else y


class FusedLayerNormSwishGateLinear(FusedLayerNormGatedLinear):
    pass


class RMSNormLinear(_NormThenLinear):
    def forward(self, x, weight, bias, residual=None, prenorm=False, residual_in_fp32=False):
        return rms_norm_linear(x, self.weight, None, weight, bias, residual, self.eps, prenorm)


class LayerNormLinear(_NormThenLinear):
    def forward(self, x, weight, bias, residual=None, prenorm=False, residual_in_fp32=False):
        y, x = layer_norm(x, self.weight, None, residual, self.eps, True)
        y = F.linear(y, weight, bias)
        return (y, x) if prenorm else y


class LongConvolution(nn.Module):
    """x plus its convolution with a filter of max_len steps per channel, by FFT of twice the length."""

    def __init__(self, hidden_size, max_len, **kwargs):
        super().__init__()
        self.hidden_size = hidden_size
        self.filter = nn.Parameter(torch.randn(hidden_size, max_len))

    def forward(self, x, *args, **kwargs):
        size = 2 * x.shape[1]
        u = x.transpose(1, 2)
        y = torch.fft.irfft(torch.fft.rfft(u, n=size) * torch.fft.rfft(self.filter, n=size), n=size)
        return (y[..., : x.shape[1]] + u).transpose(1, 2)
