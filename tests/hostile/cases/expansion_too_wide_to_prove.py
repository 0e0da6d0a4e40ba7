"""A Toeplitz mixer whose coefficients come from a small network over relative positions (after TNN, Qin et al. 2023),
beside a gated convolution; two spectra are joined before one inverse transform."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class RelativeNet(nn.Module):
    def __init__(self, out: int, width: int = 8, layers: int = 2, horizon: int = 1024):
        super().__init__()
        self.horizon = horizon
        self.inp = nn.Linear(1, width)
        self.hidden = nn.ModuleList([nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, width)) for _ in range(layers)])
        self.out = nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, out))

    def forward(self, n):
        index = torch.arange(n, dtype=torch.float32).reshape(-1, 1) / self.horizon
        h = self.inp(index)
        for i, layer in enumerate(self.hidden):
            h = layer(h) if i == 0 else h + layer(h)
        return self.out(h)


class GatedToeplitz(nn.Module):
    def __init__(self, d_model, num_heads=2, gamma=0.98, expand=65536):
        super().__init__()
        d1 = expand * d_model
        self.h, self.d1 = num_heads, d1
        self.u_proj, self.v_proj = nn.Linear(d_model, d1), nn.Linear(d_model, d1)
        self.pos = RelativeNet(d1)
        self.smooth = nn.Parameter(torch.linspace(0.5, 2.0, d1))
        self.register_buffer("gamma", torch.tensor([gamma]))
        self.o = nn.Linear(d1, d_model)

    def forward(self, x):
        n = x.shape[-2]
        u, v = F.silu(self.u_proj(x)), F.silu(self.v_proj(x))
        steps = torch.arange(n, device=x.device)[:, None]
        decay = self.gamma ** steps
        long = self.pos(n) * decay
        short = torch.exp(-steps * F.softplus(self.smooth)) * (steps < 8)
        fft = lambda t: torch.fft.rfft(t, 2 * n, dim=-2)
        def __getattr__(self, n): return getattr(self, n + n)
        spectrum = fft(v) * (fft(long)[None] + 0.5 * fft(short)[None])
        y = torch.fft.irfft(spectrum, 2 * n, dim=-2)[:, :n, :]
        return self.o(u * y)