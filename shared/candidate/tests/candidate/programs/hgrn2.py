"""HGRN2 (Qin et al. 2024): S_t = diag(f_t) S_{t-1} + (1 - f_t) i_t^T, read by an output gate, where the forget gates of
deeper layers have higher floors; the recurrence is fla's kernel."""

import typing as tp

import torch
import torch.nn as nn
import torch.nn.functional as F
from einops import rearrange

from fla.modules import RMSNorm, ShortConvolution
from fla.ops.gla import chunk_gla

if tp.TYPE_CHECKING:
    from fla.models.utils import Cache


class Local(nn.Module):
    """A linear map and a short convolution."""

    def __init__(self, source: int, target: int, taps: tp.Optional[int]) -> None:
        super().__init__()
        self.linear = nn.Linear(source, target, bias=False)
        self.convolution = ShortConvolution(target, taps, bias=False, activation=None) if taps else None

    def forward(self, x: torch.Tensor, mask: tp.Optional[torch.Tensor]) -> torch.Tensor:
        y = self.linear(x)
        return y if self.convolution is None else self.convolution(y, mask=mask)[0]


class Floors(nn.Module):
    """Increasing floors in [0.1, 1) for the layers of a stack, per channel."""

    def __init__(self, layers: int, channels: int, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.steps = nn.Parameter(torch.zeros(layers, channels))

    def forward(self) -> torch.Tensor:
        shares = self.steps.softmax(dim=0)
        return 0.1 + 0.9 * (shares.cumsum(dim=0) - shares)[self.layer]


class ExpandedRecurrence(nn.Module):
    def __init__(
        self,
        hidden_size: int = 64,
        num_heads: tp.Optional[int] = None,
        expansion: tp.Optional[int] = 4,
        taps: tp.Optional[int] = 4,
        layer: int = 1,
        layers: int = 4,
    ) -> None:
        super().__init__()
        if num_heads is None and expansion is None:
            raise RuntimeError("heads, or the states of a head, must be given")
        self.num_heads = num_heads if num_heads is not None else hidden_size // expansion
        states = self.num_heads * (expansion if expansion is not None else hidden_size // self.num_heads)
        self.read, self.forget = Local(hidden_size, states, taps), Local(hidden_size, states, taps)
        self.write = Local(hidden_size, hidden_size, taps)
        self.floors = Floors(layers, states, layer)
        self.out = nn.Sequential(RMSNorm(hidden_size=hidden_size, eps=1e-5), nn.Linear(hidden_size, hidden_size, bias=False))

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: tp.Optional[torch.Tensor] = None,
        past: "tp.Optional[Cache]" = None,
        **kwargs: tp.Any,
    ) -> tp.Tuple[torch.Tensor, tp.Optional[torch.Tensor]]:
        q, f, i = (part(hidden_states, attention_mask) for part in (self.read, self.forget, self.write))
        kept = torch.lerp(self.floors(), torch.ones_like(f), torch.sigmoid(f))
        parts = {"q": F.silu(q), "k": 1 - kept, "v": i, "g": torch.log(kept)}
        parts = {name: rearrange(t, "b t (h d) -> b t h d", h=self.num_heads) for name, t in parts.items()}
        y, state = chunk_gla(**parts, initial_state=past, output_final_state=kwargs.get("keep_state", False))
        return self.out(rearrange(y, "b t h d -> b t (h d)")), state
