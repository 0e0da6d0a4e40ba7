"""Test-time training of a linear model (Sun et al. 2024): per head, f(k) = k + norm(k W + b) learns to give v; every
mini-batch reads gradients at the parameters it was given, and each step sees the gradients of the steps up to itself."""

from typing import Any, Dict, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint


class Fast(NamedTuple):
    """The parameters trained by the sequence: [B, H, D, D] and [B, H, 1, D]."""

    weight: torch.Tensor
    bias: torch.Tensor


class HeadNorm(nn.Module):
    """A layer norm per head whose input gradient is at hand."""

    def __init__(self, heads: int, width: int, eps: float = 1e-6):
        super().__init__()
        self.eps = eps
        self.gain = nn.Parameter(torch.ones(heads, 1, width))
        self.shift = nn.Parameter(torch.zeros(heads, 1, width))

    def standard(self, z):
        spread = (z.var(dim=-1, keepdim=True, unbiased=False) + self.eps).sqrt()
        return (z - z.mean(dim=-1, keepdim=True)) / spread, spread

    def forward(self, z):
        return torch.addcmul(self.shift, self.gain, self.standard(z)[0])

    def pull(self, z, target):
        """d/dz of half the squared distance of norm(z) to the target: the projection that a norm applies to gradients."""
        unit, spread = self.standard(z)
        g = (self.gain * unit + self.shift - target) * self.gain
        centred = g - g.mean(dim=-1, keepdim=True)
        return (centred - unit * (g * unit).mean(dim=-1, keepdim=True)) / spread


class TestTimeLinear(nn.Module):
    def __init__(self, hidden_size: int, num_heads: int = 2, batch: int = 8, rate: float = 1.0, group: int = 2):
        super().__init__()
        self.num_heads, self.batch, self.group = num_heads, batch, group
        self.width = hidden_size // num_heads
        self.base_rate = rate / self.width
        self.read = nn.ModuleDict({name: nn.Linear(hidden_size, hidden_size, bias=False) for name in ("q", "k", "v")})
        self.rate = nn.Linear(hidden_size, num_heads)
        self.register_buffer("share", 1.0 / torch.arange(1, batch + 1), persistent=False)
        self.share_offset = nn.Parameter(torch.zeros((batch,)))
        self.norm = HeadNorm(num_heads, self.width)
        self.weight = nn.Parameter(torch.normal(0, 0.02, size=(num_heads, self.width, self.width)))
        self.bias = nn.Parameter(torch.zeros(num_heads, 1, self.width))
        self.out = nn.Sequential(nn.LayerNorm(hidden_size, eps=1e-6), nn.Linear(hidden_size, hidden_size, bias=False))

    def learn(self, fast: Fast, given: Dict[str, Any]):
        """One mini-batch: the outputs [B, H, K, D] and the parameters after it."""
        q, k, v, rate = given["q"], given["k"], given["v"], given["rate"]
        pull = self.norm.pull(k @ fast.weight + fast.bias, v - k)
        share = torch.clamp_min(self.share + self.share_offset, 0.0).unsqueeze(-1)
        steps = torch.tril(share @ rate.unsqueeze(-2))
        moved = (steps * (q @ k.mT + 1.0)) @ pull
        y = q + self.norm(q @ fast.weight + fast.bias - moved)
        final = steps[..., -1, :, None] * pull
        return Fast(fast.weight - k.mT @ final, fast.bias - final.sum(dim=-2, keepdim=True)), y

    def run(self, fast: Fast, given: list):
        outputs = []
        for one in given:
            fast, y = self.learn(fast, one)
            outputs.append(y)
        return fast, torch.stack(outputs)

    def forward(self, hidden_states, attention_mask=None):
        B, T, _ = hidden_states.shape
        x = F.pad(hidden_states, (0, 0, 0, -T % self.batch)).unflatten(1, (-1, self.batch))
        given = {name: f(x).unflatten(-1, (self.num_heads, -1)).permute(1, 0, 3, 2, 4) for name, f in self.read.items()}
        given["rate"] = self.base_rate * F.sigmoid(self.rate(x)).permute(1, 0, 3, 2)
        batches = [{name: t[i] for name, t in given.items()} for i in range(x.shape[1])]
        fast = Fast(weight=torch.tile(self.weight, dims=(B, 1, 1, 1)), bias=torch.broadcast_to(self.bias, (B, *self.bias.shape)))
        outputs = []
        for i in range(0, len(batches), self.group):
            some = batches[i : i + self.group]
            fast, y = checkpoint(self.run, fast, some, use_reentrant=False) if self.training else self.run(fast, some)
            outputs.append(y)
        y = torch.cat(outputs).permute(1, 0, 3, 2, 4).reshape(B, -1, hidden_states.shape[-1])
        return self.out(y[:, :T])
