"""A mesa layer: each step reads with the solution of a regularised regression over the past, by conjugate gradients
(von Oswald et al. 2025); the covariances advance chunk by chunk."""

from typing import Callable

import torch
import torch.nn as nn
import torch.nn.functional as F


def conjugate_gradient(apply: Callable[[torch.Tensor], torch.Tensor], b: torch.Tensor, x: torch.Tensor, steps: int):
    r = b - apply(x)
    p = r.clone()
    rs = (r * r).sum(-1, keepdim=True)
    for _ in range(steps):
        Ap = apply(p)
        alpha = rs / ((p * Ap).sum(-1, keepdim=True) + 1e-5)
        x = x + alpha * p
        r = r - alpha * Ap
        new = (r * r).sum(-1, keepdim=True)
        p = r + (new / (rs + 1e-5)) * p
        rs = new
    return x


class MesaLayer(nn.Module):
    def __init__(self, d_model: int, n_heads: int = 2, chunk: int = 16, cg_steps: int = 4, lambda_floor: float = 0.25):
        super().__init__()
        self.h, self.d, self.chunk, self.steps = n_heads, d_model // n_heads, chunk, cg_steps
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.gates = nn.Linear(d_model, 2 * n_heads)
        self.lambda_raw = nn.Parameter(torch.zeros(n_heads, self.d))
        self.lambda_floor = lambda_floor
        self.norm = nn.RMSNorm(self.d, eps=1e-6)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        B, T, D = x.shape
        C = self.chunk
        n = -(-T // C)
        x = F.pad(x, (0, 0, 0, n * C - T))
        q, k, v = self.qkv(x).view(B, n, C, 3, self.h, self.d).permute(3, 0, 4, 1, 2, 5).unbind(0)
        q, k = (F.normalize(F.silu(t), dim=-1) for t in (q, k))
        beta, g = self.gates(x).view(B, n, C, 2, self.h).permute(3, 0, 4, 1, 2)
        beta, g = torch.sigmoid(beta), F.logsigmoid(g + 3.0)
        lam = F.softplus(self.lambda_raw) + self.lambda_floor
        G = g.cumsum(-1)
        future = torch.ones(C, C, dtype=torch.bool, device=x.device).triu_(1)
        decay = (G.unsqueeze(-1) - G.unsqueeze(-2)).masked_fill_(future, float("-inf")).exp_() * beta.unsqueeze(-2)
        kk = x.new_zeros(B, self.h, self.d, self.d)
        kv = torch.zeros_like(kk)
        outs = []
        for i in range(n):
            qi, ki, vi, Gi, bi, M = q[:, :, i], k[:, :, i], v[:, :, i], G[:, :, i], beta[:, :, i], decay[:, :, i]
            grown = Gi.exp().unsqueeze(-1)

            def apply(p, ki=ki, M=M, kk=kk, grown=grown):
                return ((p @ ki.mT) * M) @ ki + grown * (p @ kk) + lam.unsqueeze(-2) * p

            start = qi / (lam.unsqueeze(-2) + 1.0)
            q_star = conjugate_gradient(apply, qi, start, self.steps)
            outs.append(((q_star @ ki.mT) * M) @ vi + grown * (q_star @ kv))
            left = (ki * (bi * (Gi[..., -1:] - Gi).exp()).unsqueeze(-1)).mT
            last = Gi[..., -1, None, None].exp()
            kk = kk * last + left @ ki
            kv = kv * last + left @ vi
        o = self.norm(torch.stack(outs, dim=2))
        o = o.permute(0, 2, 3, 1, 4).reshape(B, n * C, D)[:, :T]
        return self.out(o)
