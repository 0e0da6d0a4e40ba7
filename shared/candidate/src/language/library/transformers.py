"""The part of `transformers` that layers refer to."""

import logging


class PretrainedConfig:
    """Keeps what it is given as attributes."""

    model_type = ""

    def __init__(self, **kwargs):
        for name, value in kwargs.items():
            setattr(self, name, value)

    def to_dict(self):
        return dict(self.__dict__)


class PreTrainedModel(nn.Module):
    def __init__(self, config=None, *args, **kwargs):
        super().__init__()
        self.config = config

    def post_init(self):
        return None


# Whether modules are to initialise themselves.
_init_weights = True

PreTrainedConfig = PretrainedConfig


class GradientCheckpointingLayer(nn.Module):
    gradient_checkpointing = False


class GenerationMixin:
    pass


class Conv1D(nn.Module):
    """A linear map whose weight is stored [from, to]."""

    def __init__(self, nf, nx):
        super().__init__()
        self.nf, self.nx = nf, nx
        self.weight = nn.Parameter(torch.empty(nx, nf).normal_(std=0.02))
        self.bias = nn.Parameter(torch.zeros(nf))

    def forward(self, x):
        return x @ self.weight + self.bias


class _Attentions:
    """The table of attention functions: the text's own one is used."""

    def get_interface(self, implementation, default=None):
        return default

    def __getitem__(self, name):
        raise KeyError(name)

    def get(self, name, default=None):
        return default


ALL_ATTENTION_FUNCTIONS = _Attentions()


_USUAL = {
    "_attn_implementation": "eager",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "attn_pdrop": 0.0,
    "bos_token_id": None,
    "chunk_size": 64,
    "conv_bias": True,
    "conv_kernel": 4,
    "eos_token_id": None,
    "expand": 2,
    "head_dim": None,
    "hidden_act": "silu",
    "hidden_dropout": 0.0,
    "hidden_dropout_prob": 0.0,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-5,
    "layer_norm_epsilon": 1e-5,
    "mamba_chunk_size": 64,
    "mamba_conv_bias": True,
    "mamba_d_conv": 4,
    "mamba_d_state": 16,
    "mamba_expand": 2,
    "mamba_n_groups": 1,
    "mamba_proj_bias": False,
    "max_position_embeddings": 2048,
    "mlp_bias": False,
    "n_groups": 1,
    "num_hidden_layers": 1,
    "num_layers": 1,
    "output_attentions": False,
    "output_hidden_states": False,
    "pad_token_id": None,
    "pretraining_tp": 1,
    "rescale_prenorm_residual": False,
    "resid_pdrop": 0.0,
    "residual_in_fp32": True,
    "rms_norm": True,
    "rms_norm_eps": 1e-6,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "sliding_window": None,
    "state_size": 16,
    "tie_word_embeddings": False,
    "time_step_floor": 1e-4,
    "time_step_limit": (0.0, float("inf")),
    "time_step_max": 0.1,
    "time_step_min": 0.001,
    "use_bias": False,
    "use_cache": False,
    "use_conv_bias": True,
    "use_mamba_kernels": False,
    "use_mambapy": False,
    "vocab_size": 256,
}


def usual(config, name):
    """What a configuration says unless it is told otherwise; a silent value where nothing is usual."""
    width = getattr(config, "hidden_size", None)
    heads = getattr(config, "num_attention_heads", None)
    if name == "num_key_value_heads" and heads is not None:
        return heads
    if name == "head_dim" and heads is not None and width is not None:
        return width // heads
    if name in ("intermediate_size", "n_inner") and width is not None:
        # State spaces widen twice, feed-forward layers four times.
        return 2 * width if hasattr(config, "state_size") else 4 * width
    if name in ("time_step_rank", "mamba_dt_rank") and width is not None:
        return -(-width // 16)
    if name in _USUAL:
        return _USUAL[name]
    return _nothing


_nothing = logging.getLogger()
