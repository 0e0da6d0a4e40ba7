"""minGRU in log space with a Heinsen scan, convolution and gating around it (Feng et al. 2024)."""

import torch
import torch.nn.functional as F
from torch.nn import Identity, Linear, Module, ModuleList, Parameter


def exists(v):
    return v is not None


def heinsen_associative_scan_log(log_coeffs, log_values):
    a_star = log_coeffs.cumsum(dim=1)
    log_h0_plus_b_star = (log_values - a_star).logcumsumexp(dim=1)
    log_h = a_star + log_h0_plus_b_star
    return log_h.exp()


def g(x):
    return torch.where(x >= 0, x + 0.5, x.sigmoid())


def log_g(x):
    return torch.where(x >= 0, (F.relu(x) + 0.5).log(), -F.softplus(-x))


class minGRU(Module):
    def __init__(self, dim, expansion_factor=1.0, proj_out=None):
        super().__init__()
        dim_inner = int(dim * expansion_factor)
        proj_out = proj_out if exists(proj_out) else expansion_factor != 1.0
        self.to_hidden_and_gate = Linear(dim, dim_inner * 2, bias=False)
        self.to_out = Linear(dim_inner, dim, bias=False) if proj_out else Identity()

    def forward(self, x, prev_hidden=None, return_next_prev_hidden=False):
        seq_len = x.shape[1]
        hidden, gate = self.to_hidden_and_gate(x).chunk(2, dim=-1)
        if seq_len == 1:
            hidden = g(hidden)
            gate = gate.sigmoid()
            out = torch.lerp(prev_hidden, hidden, gate) if exists(prev_hidden) else (hidden * gate)
        else:
            log_coeffs = -F.softplus(gate)
            log_z = -F.softplus(-gate)
            log_tilde_h = log_g(hidden)
            log_values = log_z + log_tilde_h
            if exists(prev_hidden):
                log_values = torch.cat((prev_hidden.log(), log_values), dim=1)
                log_coeffs = F.pad(log_coeffs, (0, 0, 1, 0))
            out = heinsen_associative_scan_log(log_coeffs, log_values)
            out = out[:, -seq_len:]
        next_prev_hidden = out[:, -1:]
        out = self.to_out(out)
        if not return_next_prev_hidden:
            return out
        return out, next_prev_hidden


class RMSNorm(Module):
    def __init__(self, dim):
        super().__init__()
        self.scale = dim**0.5
        self.gamma = Parameter(torch.zeros(dim))

    def forward(self, x):
        return F.normalize(x, dim=-1) * self.scale * (self.gamma + 1)


class MinGRUStack(Module):
    def __init__(self, dim, depth=2, expansion=1.5):
        super().__init__()
        self.layers = ModuleList([])
        for _ in range(depth):
            self.layers.append(ModuleList([RMSNorm(dim), minGRU(dim, expansion), RMSNorm(dim), Linear(dim, dim)]))
        self.norm = RMSNorm(dim)

    def forward(self, x, prev_hiddens=None):
        if exists(prev_hiddens):
            x = x[:, -1:]
        next_prev_hiddens = []
        prev_hiddens = iter(prev_hiddens if exists(prev_hiddens) else [])
        for norm, mingru, ff_norm, ff in self.layers:
            prev_hidden = next(prev_hiddens, None)
            min_gru_out, next_hidden = mingru(norm(x), prev_hidden, return_next_prev_hidden=True)
            x = min_gru_out + x
            next_prev_hiddens.append(next_hidden)
            x = F.silu(ff(ff_norm(x))) + x
        return self.norm(x), next_prev_hiddens
