"""RWKV-6 time mixing: data-dependent token shift and decay, chunked wkv (Peng et al. 2024)."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Lerp(nn.Module):
    """x + (shifted - x) * mu, the mix itself chosen by a small network."""

    def __init__(self, dim: int, names: str = "rkvwg", rank: int = 4):
        super().__init__()
        self.names = list(names)
        self.base = nn.Parameter(torch.zeros(1, 1, dim))
        self.mu = nn.ParameterDict({n: nn.Parameter(torch.full((1, 1, dim), 0.5)) for n in self.names})
        self.down = nn.Parameter(torch.zeros(dim, rank * len(self.names)).uniform_(-1e-2, 1e-2))
        self.up = nn.Parameter(torch.zeros(len(self.names), rank, dim).uniform_(-1e-2, 1e-2))

    def forward(self, x, delta):
        B, T, C = x.size()
        z = x + delta * self.base
        z = torch.tanh(z @ self.down).view(B * T, len(self.names), -1).transpose(0, 1)
        z = torch.bmm(z, self.up).view(len(self.names), B, T, -1)
        return {n: x + delta * (self.mu[n] + z[i]) for i, n in enumerate(self.names)}


def wkv6(r, k, v, w, u, chunk_len: int = 16):
    """r, k, w: [B, H, T, K], w a log decay; v: [B, H, T, V]; u: [H, K]."""
    B, H, T, K = r.shape
    V = v.shape[-1]
    pad = (chunk_len - T % chunk_len) % chunk_len
    r, k, v, w = [F.pad(i, [0, 0, 0, pad]) for i in (r, k, v, w)]
    n = (T + pad) // chunk_len
    r, k, v, w = [i.view(B, H, n, chunk_len, -1) for i in (r, k, v, w)]
    w_cum = w.cumsum(dim=-2)
    w_prev = F.pad(w_cum, [0, 0, 1, -1])
    i = torch.arange(chunk_len, device=r.device)
    strictly = (i[:, None] > i[None, :])[..., None]
    # Pairwise decays between the two steps, both exclusive.
    d = (w_prev.unsqueeze(-2) - w_cum.unsqueeze(-3)).where(strictly, torch.tensor(float("-inf"), dtype=r.dtype)).exp()
    scores = torch.einsum("bhnik,bhnjk,bhnijk->bhnij", r, k, d)
    scores = scores + torch.diag_embed(torch.einsum("bhnik,bhnik,hk->bhni", r, k, u))
    out = scores @ v
    total = w_cum[..., -1:, :]
    k_decayed = k * (total - w_cum).exp()
    states = []
    state = torch.zeros(B, H, K, V, dtype=r.dtype, device=r.device)
    kv = k_decayed.mT @ v
    for c in range(n):
        states.append(state)
        state = state * total[:, :, c].exp().mT + kv[:, :, c]
    states = torch.stack(states, dim=2)
    out = out + (r * w_prev.exp()) @ states
    return out.flatten(2, 3)[:, :, :T], state


class RWKV6TimeMix(nn.Module):
    def __init__(self, n_embd, n_head=4, layer_id: int = 0, n_layer: int = 12, decay_rank: int = 4):
        super().__init__()
        if n_embd % n_head:
            raise ValueError(f"n_embd={n_embd} must be divisible by n_head={n_head}")
        self.n_head = n_head
        self.head_size = n_embd // n_head
        ratio_0_to_1 = layer_id / (n_layer - 1)
        self.mix = Lerp(n_embd)
        decay_speed = torch.ones(n_embd)
        for n in range(n_embd):
            decay_speed[n] = -6 + 5 * (n / (n_embd - 1)) ** (0.7 + 1.3 * ratio_0_to_1)
        self.time_decay = nn.Parameter(decay_speed.reshape(1, 1, n_embd))
        self.decay_down = nn.Parameter(torch.zeros(n_embd, decay_rank).uniform_(-1e-2, 1e-2))
        self.decay_up = nn.Parameter(torch.zeros(decay_rank, n_embd).uniform_(-1e-2, 1e-2))
        bonus = torch.zeros(n_embd)
        for n in range(n_embd):
            zigzag = ((n + 1) % 3 - 1) * 0.1
            bonus[n] = ratio_0_to_1 * (1 - (n / (n_embd - 1))) + zigzag
        self.time_faaaa = nn.Parameter(bonus.reshape(self.n_head, self.head_size))
        self.time_shift = nn.ZeroPad2d((0, 0, 1, -1))
        for name in ["receptance", "key", "value", "gate", "output"]:
            setattr(self, name, nn.Linear(n_embd, n_embd, bias=False))
        self.ln_x = nn.GroupNorm(n_head, n_embd, eps=1e-5 * 8**2)

    def heads(self, x):
        B, T, C = x.shape
        return x.view(B, T, self.n_head, self.head_size).transpose(1, 2)

    def forward(self, x):
        B, T, C = x.size()
        delta = self.time_shift(x) - x
        mixed = self.mix(x, delta)
        r = self.receptance(mixed["r"])
        k = self.key(mixed["k"])
        v = self.value(mixed["v"])
        g = F.silu(self.gate(mixed["g"]))
        w = self.time_decay + torch.tanh(mixed["w"] @ self.decay_down) @ self.decay_up
        w = -torch.exp(w)
        y, _ = wkv6(*map(self.heads, (r, k, v, w)), self.time_faaaa)
        y = y.transpose(1, 2).contiguous().view(B * T, C)
        y = self.ln_x(y).view(B, T, C)
        return self.output(y * g)
