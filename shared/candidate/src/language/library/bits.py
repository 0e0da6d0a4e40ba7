"""Linear maps of rounded weights and inputs; gradients pass as if nothing were rounded (`fla.modules.fused_bitlinear`)."""


def activation_quant(x):
    """To 8 bits per row of the last dimension."""
    scale = 127.0 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
    return (x * scale).round().clamp(-128, 127) / scale


def weight_quant(w):
    """To -1, 0, 1 times the mean size."""
    scale = 1.0 / w.abs().mean().clamp(min=1e-5)
    return (w * scale).round().clamp(-1, 1) / scale


def _straight_through(x, rounded):
    return x + (rounded - x).detach()


def layer_norm_linear_quant(
    x, norm_weight, norm_bias, linear_weight, linear_bias, residual=None, eps=1e-6, prenorm=False, residual_in_fp32=False,
    is_rms_norm=False
):
    y, x = layer_norm(x, norm_weight, norm_bias, residual, eps, True, residual_in_fp32, is_rms_norm)
    y = _straight_through(y, activation_quant(y))
    y = F.linear(y, _straight_through(linear_weight, weight_quant(linear_weight)), linear_bias)
    return (y, x) if prenorm else y


def rms_norm_linear_quant(
    x, norm_weight, norm_bias, linear_weight, linear_bias, residual=None, eps=1e-5, prenorm=False, residual_in_fp32=False
):
    return layer_norm_linear_quant(
        x, norm_weight, norm_bias, linear_weight, linear_bias, residual, eps, prenorm, residual_in_fp32, True
    )


def bit_linear(x, weight, bias=None, norm_weight=None, norm_bias=None, eps=1e-8):
    return rms_norm_linear_quant(x, norm_weight, norm_bias, weight, bias, eps=eps)


class BitLinear(nn.Linear):
    def __init__(self, in_features, out_features, bias=False, norm_eps=1e-8):
        super().__init__(in_features, out_features, bias=bias)
        self.norm = RMSNorm(in_features, eps=norm_eps)

    def forward(self, x):
        # The bias takes no part here, other than in the fused form.
        return bit_linear(x, self.weight, None, self.norm.weight, self.norm.bias, self.norm.eps)


class FusedBitLinear(BitLinear):
    def forward(self, x):
        return bit_linear(x, self.weight, self.bias, self.norm.weight, self.norm.bias, self.norm.eps)
