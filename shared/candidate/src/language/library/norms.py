"""Norms, gates and convolutions of `fla.modules` beyond the common ones."""


def rms_norm(x, weight, bias=None, residual=None, eps=1e-5, prenorm=False, residual_in_fp32=False):
    if residual is not None:
        x = x + residual
    y = _rms(x, weight, bias, eps)
    return (y, x) if prenorm else y


def layer_norm(x, weight, bias=None, residual=None, eps=1e-5, prenorm=False, residual_in_fp32=False, is_rms_norm=False):
    if is_rms_norm:
        return rms_norm(x, weight, bias, residual, eps, prenorm)
    if residual is not None:
        x = x + residual
    y = F.layer_norm(x, (x.shape[-1],), weight, bias, eps)
    return (y, x) if prenorm else y


def group_norm(
    x, weight, bias=None, residual=None, eps=1e-5, prenorm=False, residual_in_fp32=False, is_rms_norm=False, num_groups=1
):
    """Norm of each of the groups of the last dimension."""
    if residual is not None:
        x = x + residual
    y = x.unflatten(-1, (num_groups, -1))
    if not is_rms_norm:
        y = y - y.mean(-1, keepdim=True)
    y = (y * torch.rsqrt((y * y).mean(-1, keepdim=True) + eps)).flatten(-2)
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return (y, x) if prenorm else y


class GroupNorm(nn.Module):
    def __init__(
        self, num_groups, hidden_size, elementwise_affine=True, bias=False, eps=1e-5, is_rms_norm=False, device=None, dtype=None
    ):
        super().__init__()
        if hidden_size % num_groups != 0:
            raise ValueError(f"{hidden_size} channels do not divide into {num_groups} groups")
        self.num_groups = num_groups
        self.hidden_size = hidden_size
        self.eps = eps
        self.is_rms_norm = is_rms_norm
        self.weight = nn.Parameter(torch.ones(hidden_size)) if elementwise_affine else None
        self.bias = nn.Parameter(torch.zeros(hidden_size)) if elementwise_affine and bias else None

    def forward(self, x, residual=None, prenorm=False, residual_in_fp32=False):
        return group_norm(
            x, self.weight, self.bias, residual, self.eps, prenorm, residual_in_fp32, self.is_rms_norm, self.num_groups
        )


def rmsnorm_fn(x, weight, bias=None, z=None, eps=1e-6, group_size=None, norm_before_gate=True):
    """RMS norm in groups, gated by silu(z) before or after."""
    if z is not None and not norm_before_gate:
        x = x * _swish(z)
    groups = 1 if group_size is None else x.shape[-1] // group_size
    y = group_norm(x, weight, bias, eps=eps, is_rms_norm=True, num_groups=groups)
    return y * _swish(z) if z is not None and norm_before_gate else y


class RMSNormGated(nn.Module):
    def __init__(self, hidden_size, eps=1e-5, group_size=None, norm_before_gate=False, device=None, dtype=None):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.bias = None
        self.group_size = group_size
        self.norm_before_gate = norm_before_gate

    def forward(self, x, z=None):
        return rmsnorm_fn(x, self.weight, self.bias, z, self.eps, self.group_size, self.norm_before_gate)


def rms_norm_linear(x, norm_weight, norm_bias, linear_weight, linear_bias, residual=None, eps=1e-5, prenorm=False,
                    residual_in_fp32=False):
    y, x = rms_norm(x, norm_weight, norm_bias, residual, eps, True)
    y = F.linear(y, linear_weight, linear_bias)
    return (y, x) if prenorm else y


def rms_norm_swish_gate_linear(x, g, norm_weight, norm_bias, linear_weight, linear_bias, residual=None, prenorm=False,
                               residual_in_fp32=False, eps=1e-6):
    y, x = rms_norm(x, norm_weight, norm_bias, residual, eps, True)
    y = F.linear(y * _swish(g), linear_weight, linear_bias)
    return (y, x) if prenorm else y


def swiglu_linear(x, y, weight, bias=None):
    return F.linear(_swish(x) * y, weight, bias)


class GatedMLP(nn.Module):
    def __init__(
        self, hidden_size, hidden_ratio=None, intermediate_size=None, hidden_act="swish", fuse_swiglu=True, **kwargs
    ):
        super().__init__()
        if hidden_act != "swish":
            raise ValueError(f"the gate of this MLP is swish, not {hidden_act}")
        if intermediate_size is None:
            # Two thirds, since a gate is a third matrix; in whole multiples of 256.
            wide = int(hidden_size * (4 if hidden_ratio is None else hidden_ratio) * 2 / 3)
            intermediate_size = math.ceil(wide / 256) * 256
        self.gate_proj = nn.Linear(hidden_size, intermediate_size, bias=False)
        self.up_proj = nn.Linear(hidden_size, intermediate_size, bias=False)
        self.down_proj = nn.Linear(intermediate_size, hidden_size, bias=False)

    def forward(self, x, **kwargs):
        return self.down_proj(_swish(self.gate_proj(x)) * self.up_proj(x))


def causal_conv1d(
    x, weight=None, bias=None, residual=None, initial_state=None, output_final_state=False, activation=None,
    backend="triton", cu_seqlens=None, **kwargs
):
    """Depthwise causal convolution of [B, T, D] with weight [D, W]; returns (y, final state)."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if initial_state is not None:
        raise NotImplementedError("a convolution cache is not supported")
    width = weight.shape[-1]
    padded = F.pad(x.transpose(1, 2), (width - 1, 0))
    y = F.conv1d(padded, weight.view(-1, 1, width), bias, groups=x.shape[-1]).transpose(1, 2)
    if activation in ("silu", "swish"):
        y = _swish(y)
    if residual is not None:
        y = y + residual
    return y, (padded[..., -width:] if output_final_state else None)


def token_shift(x, cu_seqlens=None, cache=None, output_cache=False, **kwargs):
    """x_{t-1} - x_t."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    if cache is not None:
        raise NotImplementedError("a token shift cache is not supported")
    delta = F.pad(x, (0, 0, 1, -1)) - x
    return (delta, x[:, -1:]) if output_cache else delta


def rotary_embedding(x, cos, sin, interleaved=False, inplace=False, seqlen_offsets=0, cu_seqlens=None, **kwargs):
    """Rotate x [B, T, H, D] by the angles whose cosines and sines are given [T, R / 2]."""
    _extra(kwargs)
    _refuse_packed(cu_seqlens)
    length = x.shape[1]
    cos, sin = [a[seqlen_offsets : seqlen_offsets + length][None, :, None] for a in (cos, sin)]
    return _turned(x, cos, sin, interleaved)


class LoRA(nn.Module):
    """A low-rank map with an activation in the middle."""

    def __init__(self, input_dim, output_dim, low_rank_dim, bias=True, activation="tanh"):
        super().__init__()
        middle = {None: nn.Identity, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
        if activation not in middle:
            raise ValueError(f"no activation {activation} between low-rank maps")
        self.lora = nn.Sequential(
            nn.Linear(input_dim, low_rank_dim, bias=False), middle[activation](), nn.Linear(low_rank_dim, output_dim, bias=bias)
        )

    def forward(self, x):
        return self.lora(x)

    def set_bias_value(self, value):
        self.lora[2].bias.data.copy_(torch.as_tensor(value).expand(self.lora[2].bias.shape))
