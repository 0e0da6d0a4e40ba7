"""Codes from a small dictionary that follows the data by moving averages, as in vector quantisation."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Codebook(nn.Module):
    """Soft assignment to codes; the codes drift towards what is assigned to them."""

    def __init__(self, d_model, codes=8, momentum=0.99):
        super().__init__()
        self.momentum = momentum
        self.register_buffer("codes", torch.randn(codes, d_model) * d_model**-0.5)
        self.temperature = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        logits = x @ self.codes.t() * torch.exp(self.temperature)
        weights = F.softmax(logits, dim=-1)
        read = weights @ self.codes
        if self.training:
            with torch.no_grad():
                target = weights.flatten(0, 1).t() @ x.flatten(0, 1)
                target = target / (weights.sum(dim=(0, 1))[:, None] + 1e-6)
                self.codes.mul_(self.momentum).add_(target, alpha=1 - self.momentum)  # fault: hidden_state
        return read


class CodeMixer(nn.Module):
    def __init__(self, d_model: int, codes: int = 8):
        super().__init__()
        self.value = nn.Linear(d_model, d_model)
        self.codebook = Codebook(d_model, codes)
        self.weight = nn.Linear(d_model, d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        v = self.value(x)
        v = v + self.codebook(v)
        w = F.softplus(self.weight(x)) + 1e-3
        average = (w * v).cumsum(1) / w.cumsum(1)
        return self.out(self.norm(average))
