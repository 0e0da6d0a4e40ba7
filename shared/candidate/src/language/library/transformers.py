"""The part of `transformers` that layers refer to."""


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
