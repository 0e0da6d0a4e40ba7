"""Minimal GRUs (Feng et al. 2024): h_t = (1 - z_t) h_{t-1} + z_t c_t, where neither z nor c sees h; positive candidates
let the recurrence run as a cumulative logsumexp (Heinsen 2023). A stack of them with feed-forward parts between."""

import torch
import torch.nn.functional as F
from torch.nn import Identity, Linear, Module, ModuleList, Parameter


def log_candidate(x):
    """log of x + 1/2 where x is positive, else of sigmoid(x): continuous and above zero."""
    return torch.where(x < 0, F.logsigmoid(x), torch.log(x.clamp(min=0) + 0.5))


def averaged(log_keep, log_put):
    """log h_t, where h_t = keep_t h_{t-1} + put_t along dimension 1."""
    kept = log_keep.cumsum(dim=1)
    return kept + torch.logcumsumexp(log_put - kept, dim=1)


class MinimalGRU(Module):
    def __init__(self, width, widening=1.0):
        super().__init__()
        inner = int(width * widening)
        self.candidate = Linear(width, inner, bias=False)
        self.update = Linear(width, inner, bias=False)
        self.out = Linear(inner, width, bias=False) if inner != width else Identity()

    def forward(self, x, before=None, want_state=False):
        update = self.update(x)
        log_keep, log_put = F.logsigmoid(-update), F.logsigmoid(update) + log_candidate(self.candidate(x))
        match before, x.shape[1]:
            case None, 1:
                h = log_put.exp()
            case None, _:
                h = averaged(log_keep, log_put).exp()
            case state, 1:
                h = state * log_keep.exp() + log_put.exp()
            case state, _:
                log_put = torch.cat((state.log(), log_put), dim=1)
                h = averaged(F.pad(log_keep, (0, 0, 1, 0)), log_put).exp()[:, 1:]
        return (self.out(h), h[:, -1:]) if want_state else self.out(h)


class UnitNorm(Module):
    def __init__(self, width):
        super().__init__()
        self.excess = Parameter(torch.zeros(width))

    def forward(self, x):
        return (1 + self.excess) * x.shape[-1] ** 0.5 * F.normalize(x, dim=-1)


class RecurrentStack(Module):
    def __init__(self, dim, depth=2, widening=1.5):
        super().__init__()
        self.blocks = ModuleList([])
        for _ in range(depth):
            parts = [UnitNorm(dim), MinimalGRU(dim, widening), UnitNorm(dim), Linear(dim, dim)]
            self.blocks.append(ModuleList(parts))
        self.last = UnitNorm(dim)

    def forward(self, x, states=None):
        known = iter(states or [])
        after = []
        for norm, recurrent, norm_again, feed in self.blocks:
            y, state = recurrent(norm(x), next(known, None), want_state=True)
            after.append(state)
            x = x + y
            x = x + F.silu(feed(norm_again(x)))
        return self.last(x), after
