"""Gated linear recurrence with a learned initial state that no step reads."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class GatedRecurrence(nn.Module):
    def __init__(self, d_model: int, chunk_size: int = 8):
        super().__init__()
        self.chunk_size = chunk_size
        self.candidate = nn.Linear(d_model, d_model)
        self.forget = nn.Linear(d_model, d_model)
        self.initial = nn.Parameter(torch.zeros(d_model))  # fault: dead_parameter
        self.bias = nn.Parameter(torch.full((d_model,), 2.0))

    def forward(self, x):
        """h_t = f_t h_{t-1} + (1 - f_t) c_t, by chunks of cumulated log gates."""
        length, c = x.shape[1], self.chunk_size
        log_f = F.logsigmoid(self.forget(x) + self.bias)
        update = (1 - log_f.exp()) * torch.tanh(self.candidate(x))
        missing = -length % c
        log_f, update = (F.pad(t, (0, 0, 0, missing)).unflatten(1, (-1, c)) for t in (log_f, update))
        total = log_f.cumsum(dim=2)
        ratio = total[:, :, :, None] - total[:, :, None, :]
        lower = torch.ones(c, c, dtype=torch.bool, device=x.device).tril()[:, :, None]
        kernel = torch.where(lower, ratio, -torch.inf).exp()
        inside = (kernel * update[:, :, None]).sum(dim=3)
        state = torch.zeros_like(update[:, 0, :1])
        outputs = []
        for n in range(inside.shape[1]):
            h = inside[:, n] + total[:, n].exp() * state
            outputs.append(h)
            state = h[:, -1:]
        return torch.cat(outputs, dim=1)[:, :length]


class RecurrentMixer(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        self.recurrence = GatedRecurrence(d_model)
        self.gate = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        return self.out(self.recurrence(x) * F.gelu(self.gate(x)))
