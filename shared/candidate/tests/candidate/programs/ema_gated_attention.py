"""A damped multi-dimensional moving average by FFT before chunked gated attention (after Mega, Ma et al. 2022)."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class MultiHeadEMA(nn.Module):
    def __init__(self, embed_dim, ndim=2, truncation=None):
        super().__init__()
        self.embed_dim, self.ndim, self.truncation = embed_dim, ndim, truncation
        self.scale = math.sqrt(1.0 / self.ndim)
        kernel_dim = embed_dim
        self.delta = nn.Parameter(torch.Tensor(kernel_dim, ndim, 1))
        self.alpha = nn.Parameter(torch.Tensor(kernel_dim, ndim, 1))
        self.beta = nn.Parameter(torch.Tensor(kernel_dim, ndim, 1))
        self.gamma = nn.Parameter(torch.Tensor(kernel_dim, ndim))
        self.omega = nn.Parameter(torch.Tensor(embed_dim))
        self._kernel = None
        self.reset_parameters()

    def reset_parameters(self):
        with torch.no_grad():
            nn.init.normal_(self.delta, mean=0.0, std=0.2)
            nn.init.normal_(self.alpha, mean=0.0, std=0.2)
            val = torch.ones(self.ndim, 1)
            if self.ndim > 1:
                idx = torch.tensor(list(range(1, self.ndim, 2)))
                val.index_fill_(0, idx, -1.0)
            self.beta.normal_(mean=0.0, std=0.02).add_(val)
            nn.init.normal_(self.gamma, mean=0.0, std=1.0)
            nn.init.normal_(self.omega, mean=0.0, std=1.0)

    def coeffs(self):
        p = torch.sigmoid(self.delta)
        alpha = torch.sigmoid(self.alpha)
        return p, 1.0 - p * alpha

    def kernel(self, length: int):
        p, q = self.coeffs()
        vander = torch.arange(length).to(p).view(1, 1, length) * torch.log(q)
        kernel = (p * self.beta) * torch.exp(vander)
        return torch.einsum("dnl,dn->dl", kernel, self.gamma * self.scale)

    def forward(self, x):
        """x: [B, T, D]."""
        residual = x * self.omega
        x = x.permute(0, 2, 1)
        seq_len = x.size(-1)
        kernel_size = seq_len if self.truncation is None else min(self.truncation, seq_len)
        k = self.kernel(kernel_size)
        fft_len = 2 * seq_len
        k_f = torch.fft.rfft(k.float(), n=fft_len)
        x_f = torch.fft.rfft(x.float(), n=fft_len)
        out = torch.fft.irfft(x_f * k_f, n=fft_len)[..., 0:seq_len]
        out = out.type_as(x)
        return F.silu(out.permute(0, 2, 1) + residual)


def laplace(x, mu=0.707107, sigma=0.282095):
    x = (x - mu).div(sigma * math.sqrt(2.0))
    return 0.5 * (1.0 + torch.erf(x))


class MovingAverageGatedAttention(nn.Module):
    def __init__(self, embed_dim, zdim=8, hdim=None, chunk_size=16):
        super().__init__()
        hdim = hdim or 2 * embed_dim
        self.zdim, self.hdim, self.chunk_size = zdim, hdim, chunk_size
        self.move = MultiHeadEMA(embed_dim)
        self.v_proj = nn.Linear(embed_dim, hdim)
        self.mx_proj = nn.Linear(embed_dim, zdim + hdim + 2 * embed_dim)
        self.h_proj = nn.Linear(hdim, embed_dim)
        self.gamma = nn.Parameter(torch.zeros(2, zdim).normal_(0, 0.02))
        self.beta = nn.Parameter(torch.zeros(2, zdim))
        self.rel_pos = nn.Parameter(torch.zeros(2 * chunk_size - 1))
        self.embed_dim = embed_dim

    def bias(self, n):
        i = torch.arange(n)
        return self.rel_pos[i[None, :] - i[:, None] + n - 1]

    def forward(self, x):
        bsz, seq_len, _ = x.shape
        c = self.chunk_size
        v = F.silu(self.v_proj(x))
        base = self.mx_proj(self.move(x))
        u, zr, hx = torch.split(base, [self.embed_dim, self.zdim + self.hdim, self.embed_dim], dim=-1)
        u = torch.sigmoid(u)
        z, r = torch.split(F.silu(zr), [self.zdim, self.hdim], dim=-1)
        z = z.unsqueeze(2) * (self.gamma + 1.0) + self.beta
        q, k = torch.unbind(z, dim=2)
        q, k, v = (F.pad(t, (0, 0, 0, -seq_len % c)).view(bsz, -1, c, t.size(-1)) for t in (q, k, v))
        qk = torch.bmm(q.flatten(0, 1) / c, k.flatten(0, 1).transpose(1, 2)).view(bsz, -1, c, c) + self.bias(c)
        attn = laplace(qk).masked_fill(torch.triu(qk.new_ones(c, c), 1).bool(), 0.0)
        h = torch.matmul(attn, v).view(bsz, -1, self.hdim)[:, :seq_len]
        h = F.silu(hx + self.h_proj(h * r))
        return torch.addcmul(x, u, h - x)
