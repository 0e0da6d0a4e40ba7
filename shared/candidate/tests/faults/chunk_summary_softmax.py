"""Every chunk is pooled by attention into one summary vector, which its tokens read through a gate."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class ChunkPooling(nn.Module):
    """[B, N, C, D] -> [B, N, D]: weights by a learned query."""

    def __init__(self, d_model):
        super().__init__()
        self.score = nn.Linear(d_model, 1, bias=False)
        self.value = nn.Linear(d_model, d_model, bias=False)

    def forward(self, chunks):
        weights = F.softmax(self.score(chunks), dim=2)  # fault: future_leak
        return (weights * self.value(chunks)).sum(dim=2)


class SummaryMemory(nn.Module):
    """Summaries of all chunks so far, with an exponential decay per channel."""

    def __init__(self, d_model):
        super().__init__()
        self.decay = nn.Parameter(torch.full((d_model,), 2.0))

    def forward(self, summaries):
        rate = torch.sigmoid(self.decay)
        state = torch.zeros_like(summaries[:, 0])
        states = []
        for n in range(summaries.shape[1]):
            state = rate * state + (1 - rate) * summaries[:, n]
            states.append(state)
        return torch.stack(states, dim=1)


class PooledMixer(nn.Module):
    def __init__(self, d_model: int, chunk_size: int = 16):
        super().__init__()
        self.chunk_size = chunk_size
        self.pool = ChunkPooling(d_model)
        self.memory = SummaryMemory(d_model)
        self.read = nn.Linear(d_model, d_model)
        self.gate = nn.Linear(2 * d_model, d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x):
        batch, length, width = x.shape
        missing = -length % self.chunk_size
        padded = F.pad(x, (0, 0, 0, missing))
        chunks = padded.view(batch, -1, self.chunk_size, width)
        state = self.memory(self.pool(chunks))
        context = state.unsqueeze(2).expand_as(chunks)
        gate = torch.sigmoid(self.gate(torch.cat([chunks, context], dim=-1)))
        mixed = gate * self.read(chunks) + (1 - gate) * context
        mixed = mixed.reshape(batch, length + missing, width)[:, :length]
        return self.out(mixed)
