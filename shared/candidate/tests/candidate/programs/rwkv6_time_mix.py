"""Time mixing of RWKV-6 (Peng et al. 2024): o_t = r_t (S_{t-1} + u k_t v_t^T), S_t = e^{-w_t} S_{t-1} + k_t v_t^T, with
decay and token shift read from the input; in chunks, where all decays between two steps are formed at once."""

import torch
import torch.nn as nn
import torch.nn.functional as F

PARTS = "rkvwg"


class DynamicShift(nn.Module):
    """For every part, its own blend of a step with the one before; the blend depends on the step, through low rank."""

    def __init__(self, width: int, rank: int = 4):
        super().__init__()
        self.common = nn.Parameter(torch.full((1, 1, width), 0.5))
        self.constant = nn.ParameterDict({part: nn.Parameter(torch.full((1, 1, width), 0.5)) for part in PARTS})
        self.narrow = nn.Parameter(torch.zeros(width, len(PARTS), rank).uniform_(-0.05, 0.05))
        self.widen = nn.Parameter(torch.zeros(len(PARTS), rank, width).uniform_(-0.05, 0.05))

    def forward(self, x):
        change = F.pad(x, (0, 0, 1, -1)) - x
        seen = torch.addcmul(x, change, self.common)
        hidden = torch.tanh(torch.tensordot(seen, self.narrow, dims=1))
        offsets = torch.einsum("btpr,prd->pbtd", hidden, self.widen)
        return {part: x + change * (self.constant[part] + offset) for part, offset in zip(PARTS, offsets)}


class DecayedMemory(nn.Module):
    def __init__(self, heads: int, width: int, chunk: int = 16):
        super().__init__()
        self.chunk = chunk
        self.bonus = nn.Parameter(torch.linspace(-0.5, 0.5, width).repeat(heads, 1))

    def within(self, r, k, v, until, upto):
        """What the steps of one chunk contribute to each other; decays [b, h, t, s, d] are of the steps between."""
        size = r.shape[-2]
        past = torch.ones(size, size, device=r.device).tril(-1).bool().unsqueeze(-1)
        reach = (upto.unsqueeze(-2) - until.unsqueeze(-3)).masked_fill(~past, float("-inf")).exp()
        scores = torch.einsum("bhtd,bhsd,bhtsd->bhts", r, k, reach)
        own = (r * k * self.bonus[:, None]).sum(-1)
        return (scores + torch.diag_embed(own)) @ v

    def forward(self, r, k, v, log_decay):
        """All [b, h, t, d]."""
        steps = r.shape[2]
        parts = [F.pad(t, [0, 0, 0, -steps % self.chunk]).split(self.chunk, dim=2) for t in (r, k, v, log_decay)]
        state = torch.zeros(*r.shape[:2], r.shape[3], v.shape[3], dtype=r.dtype, device=r.device)
        outputs = []
        for r_c, k_c, v_c, log_c in zip(*parts):
            until = log_c.cumsum(dim=-2)
            upto = until - log_c
            outputs.append(self.within(r_c, k_c, v_c, until, upto) + (r_c * upto.exp()) @ state)
            last = until[..., -1:, :]
            state = last.exp().mT * state + (k_c * (last - until).exp()).mT @ v_c
        return torch.cat(outputs, dim=2)[:, :, :steps]


class TimeMixer(nn.Module):
    def __init__(self, n_embd, n_head=4, rank: int = 4):
        super().__init__()
        if n_embd % n_head:
            raise ValueError(f"{n_embd} channels for {n_head} heads")
        self.n_head = n_head
        self.shift = DynamicShift(n_embd, rank)
        for part in list(PARTS.replace("w", "")) + ["out"]:
            setattr(self, f"to_{part}", nn.Linear(n_embd, n_embd, bias=False))
        self.decay = nn.Sequential(nn.Linear(n_embd, rank, bias=False), nn.Tanh(), nn.Linear(rank, n_embd))
        self.memory = DecayedMemory(n_head, n_embd // n_head)
        self.norm = nn.GroupNorm(n_head, n_embd, eps=1e-5)

    def heads(self, t):
        return t.unflatten(-1, (self.n_head, -1)).transpose(1, 2)

    def forward(self, x):
        seen = self.shift(x)
        r, k, v = (getattr(self, f"to_{part}")(seen[part]) for part in "rkv")
        log_decay = -torch.exp(self.decay(seen["w"]) - 2.0)
        y = self.memory(*map(self.heads, (r, k, v, log_decay)))
        y = self.norm(y.transpose(1, 2).contiguous().view(-1, x.size(-1))).view_as(x)
        return self.to_out(y * F.silu(self.to_g(seen["g"])))
