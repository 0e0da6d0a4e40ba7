"""Kernels of `mamba_ssm` and `causal_conv1d`, by their mathematics."""

is_fast_path_available = False


def apply_mask_to_padding_states(hidden_states, attention_mask):
    return hidden_states if attention_mask is None else hidden_states * attention_mask[:, :, None]


def causal_conv1d_fn(
    x, weight, bias=None, seq_idx=None, initial_states=None, return_final_states=False, final_states_out=None, activation=None
):
    """Depthwise causal convolution of x [B, D, T] with weight [D, W]."""
    if seq_idx is not None or initial_states is not None or return_final_states:
        raise NotImplementedError("packed sequences and convolution caches are not supported")
    y = F.conv1d(F.pad(x, (weight.shape[-1] - 1, 0)), weight.unsqueeze(1), bias, groups=x.shape[1])
    return _swish(y) if activation in ("silu", "swish") else y


def causal_conv1d_update(*args, **kwargs):
    raise NotImplementedError("a convolution cache is not supported")


causal_conv1d_varlen_states = causal_conv1d_update


def selective_state_update(*args, **kwargs):
    raise NotImplementedError("a state between calls is not supported")


def selective_scan_fn(
    u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False, return_last_state=False
):
    """Mamba (Gu and Dao 2023, arXiv:2312.00752): h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t, y_t = C_t h_t + D u_t;
    u, delta, z [B, D, T], A [D, N], B and C [D, N], [B, N, T] or [B, G, N, T]."""
    if delta_bias is not None:
        delta = delta + delta_bias[:, None]
    if delta_softplus:
        delta = F.softplus(delta)
    batch, width, length = u.shape
    B, C = [_per_channel(x, batch, width, length) for x in (B, C)]
    delta, x = delta.transpose(1, 2).unsqueeze(-1), u.transpose(1, 2).unsqueeze(-1)
    states, _ = chunk_hgrn((delta * x * B).flatten(2), (delta * A).flatten(2))
    states = states.unflatten(2, (width, -1))
    y = (states * C).sum(-1)
    if D is not None:
        y = y + x.squeeze(-1) * D
    y = y.transpose(1, 2)
    if z is not None:
        y = y * _swish(z)
    return (y, states[:, -1]) if return_last_state else y


selective_scan_ref = selective_scan_fn


def _per_channel(x, batch, width, length):
    """[B, T, D, N] of what stands for B or C."""
    if x.dim() == 2:
        return x[None, None]
    if x.dim() == 3:
        return x.transpose(1, 2).unsqueeze(2)
    return x.permute(0, 3, 1, 2).repeat_interleave(width // x.shape[1], dim=2)


def mamba_chunk_scan_combined(
    x, dt, A, B, C, chunk_size=256, D=None, z=None, dt_bias=None, initial_states=None, seq_idx=None, cu_seqlens=None,
    dt_softplus=False, dt_limit=(0.0, float("inf")), return_final_states=False, **kwargs
):
    """State space duality (Dao and Gu 2024, arXiv:2405.21060); x [B, T, H, P], dt [B, T, H], A [H], B and C [B, T, G, N]."""
    _extra(kwargs)
    _refuse_packed(seq_idx if cu_seqlens is None else cu_seqlens)
    if dt_bias is not None:
        dt = dt + dt_bias
    if dt_softplus:
        dt = F.softplus(dt)
    if tuple(dt_limit) != (0.0, float("inf")):
        dt = dt.clamp(dt_limit[0], dt_limit[1])
    heads = x.shape[2]
    B, C = _grouped(B, heads), _grouped(C, heads)
    initial = None if initial_states is None else initial_states.transpose(-1, -2)
    y, state = _gated(C, B, x * dt.unsqueeze(-1), dt * A, 1.0, initial, True)
    if D is not None:
        y = y + x * (D.unsqueeze(-1) if D.dim() == 1 else D)
    if z is not None:
        y = y * _swish(z)
    return (y, state.transpose(-1, -2)) if return_final_states else y


def mamba_split_conv1d_scan_combined(
    zxbcdt, conv1d_weight, conv1d_bias, dt_bias, A, D, chunk_size=256, initial_states=None, seq_idx=None,
    dt_limit=(0.0, float("inf")), return_final_states=False, activation="silu", rmsnorm_weight=None, rmsnorm_eps=1e-6,
    outproj_weight=None, outproj_bias=None, headdim=None, ngroups=1, norm_before_gate=True
):
    """Convolution, scan, gated norm and projection of Mamba-2 in one."""
    if initial_states is not None or return_final_states:
        raise NotImplementedError("a state between calls is not supported")
    heads = D.shape[0]
    headdim = D.shape[1] if D.dim() == 2 else headdim
    inner = heads * headdim
    state = (zxbcdt.shape[-1] - 2 * inner - heads) // ngroups // 2
    z, x, dt = zxbcdt.split([inner, inner + 2 * ngroups * state, heads], dim=-1)
    x = causal_conv1d_fn(x.transpose(1, 2), conv1d_weight, conv1d_bias, seq_idx, activation=activation).transpose(1, 2)
    x, B, C = x.split([inner, ngroups * state, ngroups * state], dim=-1)
    B, C = [y.unflatten(-1, (ngroups, state)) for y in (B, C)]
    gate = None if rmsnorm_weight is not None else z.unflatten(-1, (heads, headdim))
    y = mamba_chunk_scan_combined(
        x.unflatten(-1, (heads, headdim)), dt, A, B, C, chunk_size, D, gate, dt_bias, seq_idx=seq_idx, dt_softplus=True,
        dt_limit=dt_limit
    ).flatten(-2)
    if rmsnorm_weight is not None:
        y = rmsnorm_fn(y, rmsnorm_weight, None, z, rmsnorm_eps, inner // ngroups, norm_before_gate)
    return y if outproj_weight is None else F.linear(y, outproj_weight, outproj_bias)


class NormBeforeGate(RMSNormGated):
    """`RMSNorm` of `mamba_ssm.ops.triton.layernorm_gated`."""

    def __init__(self, hidden_size, eps=1e-5, group_size=None, norm_before_gate=True, device=None, dtype=None):
        super().__init__(hidden_size, eps, group_size, norm_before_gate)


def mamba_inner_fn(xz, conv1d_weight, conv1d_bias, x_proj_weight, delta_proj_weight, out_proj_weight, out_proj_bias, A,
                   B=None, C=None, D=None, delta_bias=None, B_proj_bias=None, C_proj_bias=None, delta_softplus=True,
                   checkpoint_lvl=1):
    """Convolution, projections, scan and output of a Mamba layer; xz [B, 2 D, T]."""
    x, z = xz.chunk(2, dim=1)
    x = causal_conv1d_fn(x, conv1d_weight.squeeze(1), conv1d_bias, activation="silu")
    rank, states = delta_proj_weight.shape[1], A.shape[-1]
    read = F.linear(x.transpose(1, 2), x_proj_weight)
    delta = F.linear(read[..., :rank], delta_proj_weight).transpose(1, 2)
    if B is None:
        B = read[..., rank : rank + states]
        B = (B if B_proj_bias is None else B + B_proj_bias).transpose(1, 2)
    if C is None:
        C = read[..., -states:]
        C = (C if C_proj_bias is None else C + C_proj_bias).transpose(1, 2)
    y = selective_scan_fn(x, delta, A, B, C, D=D, z=z, delta_bias=delta_bias, delta_softplus=delta_softplus)
    return F.linear(y.transpose(1, 2), out_proj_weight, out_proj_bias)
