"""A noisy router: noise on the logits spreads the tokens over the paths."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class NoisyRouter(nn.Module):
    def __init__(self, d_model, paths):
        super().__init__()
        self.clean = nn.Linear(d_model, paths)
        self.spread = nn.Linear(d_model, paths)

    def forward(self, x):
        logits = self.clean(x)
        noise = torch.randn_like(logits)  # fault: nondeterministic
        logits = logits + noise * F.softplus(self.spread(x))
        return F.softmax(logits, dim=-1)


class NoisyMixer(nn.Module):
    def __init__(self, d_model: int, windows=(2, 6, 18)):
        super().__init__()
        self.windows = windows
        self.value = nn.Linear(d_model, d_model)
        self.router = NoisyRouter(d_model, len(windows))
        self.norm = nn.RMSNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def average(self, v, window):
        total = v.cumsum(dim=1)
        late = F.pad(total, (0, 0, window, 0))[:, : v.shape[1]]
        return (total - late) / window

    def forward(self, x):
        v = self.value(x)
        weights = self.router(x)
        y = 0.0
        for i, window in enumerate(self.windows):
            y = y + weights[..., i, None] * self.average(v, window)
        return self.out(self.norm(y))
