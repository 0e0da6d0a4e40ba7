"""Moving averages before gated attention (Mega, Ma et al. 2022): every channel keeps n damped averages,
h_t = p x_t b + (1 - p q) h_{t-1}, read as one long convolution; attention with Laplace weights stays within chunks."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class DampedAverages(nn.Module):
    def __init__(self, channels, averages=2, reach=None):
        super().__init__()
        self.averages, self.reach = averages, reach
        self.enter = nn.Parameter(torch.Tensor(channels, averages))
        self.leave = nn.Parameter(torch.Tensor(channels, averages))
        self.rate = nn.Parameter(torch.Tensor(channels, averages))
        self.damping = nn.Parameter(torch.Tensor(channels, averages))
        self.direct = nn.Parameter(torch.Tensor(channels))
        self.start()

    def start(self):
        """Entries of alternating sign, so that a difference of averages is at hand."""
        with torch.no_grad():
            signs = torch.ones(self.averages)
            signs.index_fill_(0, torch.tensor(list(range(1, self.averages, 2))), -1.0)
            self.enter.normal_(mean=0.0, std=0.05).add_(signs)
            for parameter in (self.leave, self.direct):
                nn.init.normal_(parameter)
            for parameter in (self.rate, self.damping):
                nn.init.normal_(parameter, std=0.2)


    def response(self, length: int):
        """[D, T]: what an impulse leaves t steps later."""
        rate = torch.sigmoid(self.rate)
        log_kept = torch.log1p(-rate * torch.sigmoid(self.damping))
        powers = torch.exp(log_kept.unsqueeze(-1) * torch.arange(length).to(log_kept).view(1, 1, length))
        return torch.einsum("dn,dnt->dt", rate * self.enter * self.leave / math.sqrt(self.averages), powers)

    def forward(self, x):
        """[B, T, D], of the same shape."""
        length = x.size(1)
        signal = x.permute(0, 2, 1)
        taps = self.response(length if self.reach is None else min(self.reach, length))
        whole = torch.fft.rfft(signal.float(), n=2 * length) * torch.fft.rfft(taps.float(), n=2 * length)
        averaged = torch.fft.irfft(whole, n=2 * length)[..., 0:length].permute(0, 2, 1)
        return F.silu(torch.addcmul(averaged.type_as(x), x, self.direct))


def normal_share(scores, centre=math.sqrt(0.5), spread=math.sqrt(0.25 / math.pi)):
    """The share of a normal distribution that lies below a score: near squared ReLU, but bounded."""
    return torch.erf((scores - centre).div(spread * math.sqrt(2.0))).add(1.0).mul(0.5)


class AveragedGatedAttention(nn.Module):
    def __init__(self, embed_dim, shared=8, inner=None, chunk=16):
        super().__init__()
        self.shared, self.inner, self.chunk = shared, inner or 2 * embed_dim, chunk
        self.average = DampedAverages(embed_dim)
        self.value = nn.Linear(embed_dim, self.inner)
        self.sizes = {"update": embed_dim, "shared": shared, "reset": self.inner, "candidate": embed_dim}
        self.read = nn.Linear(embed_dim, sum(self.sizes.values()))
        self.back = nn.Linear(self.inner, embed_dim)
        self.stretch = nn.Parameter(torch.ones(2, shared).add(torch.zeros(2, shared).normal_(0, 0.05)))
        self.move = nn.Parameter(torch.zeros(2, shared))
        self.by_lag = nn.Parameter(torch.zeros(chunk))

    def chunks(self, t):
        return F.pad(t, (0, 0, 0, -t.size(1) % self.chunk)).unflatten(1, (-1, self.chunk))

    def forward(self, x):
        length = x.size(1)
        parts = dict(zip(self.sizes, torch.split(self.read(self.average(x)), list(self.sizes.values()), dim=-1)))
        basis = F.silu(parts["shared"]).unsqueeze(2) * self.stretch + self.move
        q, k = map(self.chunks, torch.unbind(basis, dim=2))
        v = self.chunks(F.silu(self.value(x)))
        step = torch.arange(self.chunk)
        lag = step[:, None] - step[None, :]
        scores = torch.bmm(q.flatten(0, 1), k.flatten(0, 1).mT).view(*q.shape[:3], self.chunk) / self.chunk
        weights = normal_share(scores + self.by_lag[lag.clamp(min=0)]).masked_fill(lag < 0, 0.0)
        seen = torch.matmul(weights, v).flatten(1, 2)[:, :length]
        fresh = F.silu(parts["candidate"] + self.back(F.silu(parts["reset"]) * seen))
        return torch.lerp(x, fresh, torch.sigmoid(parts["update"]))
