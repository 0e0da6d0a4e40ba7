"""The weighted average of RWKV-4 (Peng et al. 2023): step t weighs step s < t by exp(k_s - (t-1-s) w) and itself by
exp(k_t + u). Sums are carried as logarithms; values lie in (0, 1), so that their logarithms exist."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def earlier(log_sums, steps, rate):
    """From sums of exp(k_s + s w) up to each step to sums over the steps before it, as seen from the last of these."""
    return F.pad(log_sums[:, :-1], (0, 0, 1, 0), value=-1e4) - (steps - 1) * rate


class WeightedAverage(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.persistence = nn.Parameter(torch.linspace(-2.0, 4.0, channels))
        present = torch.zeros(channels)
        for c in range(channels):
            present[c] = -1.0 if c % 2 == 0 else 0.5
        self.present = nn.Parameter(present)

    def forward(self, k, v):
        rate = torch.sigmoid(-self.persistence) / 2
        steps = torch.arange(k.shape[1], device=k.device, dtype=k.dtype)[None, :, None]
        grown, log_v, now = k + steps * rate, F.logsigmoid(v), k + self.present
        weight = earlier(torch.logcumsumexp(grown, dim=1), steps, rate)
        value = earlier(torch.logcumsumexp(grown + log_v, dim=1), steps, rate)
        return torch.exp(torch.logaddexp(now + log_v, value) - torch.logaddexp(now, weight))


class AverageMixer(nn.Module):
    """Keys, values and gates are read from each step mixed with the step before."""

    def __init__(self, n_embd):
        super().__init__()
        share = torch.linspace(0.0, 1.0, n_embd).view(1, 1, n_embd)
        with torch.no_grad():
            self.share = nn.ParameterDict({part: nn.Parameter(share**power) for part, power in (("k", 1), ("v", 2), ("r", 0.5))})
        self.back = nn.ZeroPad2d((0, 0, 1, -1))
        self.read = nn.ModuleDict({part: nn.Linear(n_embd, n_embd, bias=False) for part in ("k", "v", "r")})
        self.average = WeightedAverage(n_embd)
        self.out = nn.Linear(n_embd, n_embd, bias=False)

    def forward(self, x):
        before = self.back(x)
        k, v, r = (self.read[part](torch.lerp(before, x, self.share[part])) for part in ("k", "v", "r"))
        return self.out(torch.sigmoid(r) * self.average(k, v))
