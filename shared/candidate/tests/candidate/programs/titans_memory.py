"""A neural memory in the manner of Titans: a linear map updated by surprise with momentum and forgetting, chunk by chunk
(Behrouz et al. 2024); the gradient of the associative loss is written out."""

from __future__ import annotations

from collections import namedtuple
from functools import partial
from math import ceil

import torch
from torch import Tensor, nn, cat, stack, tensor
import torch.nn.functional as F
from torch.nn import Linear, Module, Parameter, Sequential

from einops import einsum, rearrange, repeat, reduce, pack, unpack
from einops.layers.torch import Rearrange, Reduce

# constants

LinearNoBias = partial(Linear, bias=False)

NeuralMemState = namedtuple("NeuralMemState", ["seq_index", "weights", "momentum"])


def exists(v):
    return v is not None


def default(*args):
    for arg in args:
        if exists(arg):
            return arg
    return None


def identity(t):
    return t


def pad_at_dim(t, pad, dim=-1, value=0.0):
    dims_from_right = (-dim - 1) if dim < 0 else (t.ndim - dim - 1)
    zeros = (0, 0) * dims_from_right
    return F.pad(t, (*zeros, *pad), value=value)


def pack_one_with_inverse(t, pattern):
    packed, packed_shape = pack([t], pattern)

    def inverse(out, inv_pattern=None):
        inv_pattern = default(inv_pattern, pattern)
        return unpack(out, packed_shape, inv_pattern)[0]

    return packed, inverse


def round_up_multiple(seq, mult):
    return ceil(seq / mult) * mult


class MultiheadRMSNorm(Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.rmsnorm = nn.RMSNorm(dim, elementwise_affine=False)
        self.gamma = Parameter(torch.zeros(heads, 1, dim))

    def forward(self, x):
        return self.rmsnorm(x) * (self.gamma + 1.0)


class AveragePool(Module):
    def __init__(self, chunk_size):
        super().__init__()
        self.chunk_size = chunk_size

    def forward(self, x, chunk_size=None):
        chunk_size = default(chunk_size, self.chunk_size)
        return reduce(x, "b (n c) d -> b n d", "mean", c=chunk_size)


def assoc_scan(gates, inputs):
    """h_t = gate_t * h_{t-1} + input_t along dimension 1, by recursive doubling."""
    n, shift = inputs.shape[1], 1
    while shift < n:
        moved = pad_at_dim(inputs, (shift, -shift), dim=1)
        moved_gates = pad_at_dim(gates, (shift, -shift), dim=1)
        inputs = inputs + gates * moved
        gates = gates * moved_gates
        shift *= 2
    return inputs


class NeuralMemory(Module):
    def __init__(
        self,
        dim,
        heads=2,
        chunk_size=8,
        dim_head=None,
        pre_rmsnorm=True,
        post_rmsnorm=True,
        max_step=0.1,
        activation: Module | None = None,
        momentum=True,
    ):
        super().__init__()
        dim_head = default(dim_head, dim // heads)
        assert (dim_head * heads) <= dim, "the inner dimension must not exceed the model's"
        dim_inner = dim_head * heads
        self.chunk_size = chunk_size
        self.heads = heads
        self.retrieve_norm = nn.RMSNorm(dim) if pre_rmsnorm else nn.Identity()
        self.store_norm = nn.RMSNorm(dim) if pre_rmsnorm else nn.Identity()
        self.multihead_rmsnorm = MultiheadRMSNorm(dim_head, heads) if post_rmsnorm else nn.Identity()
        self.split_heads = Rearrange("b n (h d) -> b h n d", h=heads)
        self.merge_heads = Rearrange("b h n d -> b n (h d)")
        act = default(activation, nn.SiLU())
        self.to_queries = Sequential(LinearNoBias(dim, dim_inner), act)
        self.to_keys_values = LinearNoBias(dim, dim_inner * 2)
        self.memory = Parameter(torch.randn(heads, dim_head, dim_head) * dim_head**-0.5)
        self.to_adaptive_step = Sequential(Linear(dim, heads), Rearrange("b n h -> b h n"))
        self.adaptive_step_transform = lambda s: s.sigmoid() * max_step
        self.pool = AveragePool(chunk_size)
        self.to_momentum = Sequential(Linear(dim, heads), Rearrange("b n h -> (b h) n 1")) if momentum else None
        self.to_decay_factor = Sequential(Linear(dim, heads), Rearrange("b n h -> (b h) n 1"))
        self.combine_heads = LinearNoBias(dim_inner, dim)

    def store(self, seq):
        """The memory after every chunk: [(b h), n + 1, d, d]."""
        batch = seq.shape[0]
        seq = self.store_norm(seq)
        step = self.adaptive_step_transform(self.to_adaptive_step(seq))
        pooled = self.pool(seq)
        decay = self.to_decay_factor(pooled).sigmoid()
        keys, values = map(self.split_heads, self.to_keys_values(seq).chunk(2, dim=-1))
        keys = F.normalize(keys, dim=-1)
        error = einsum(keys, self.memory, "b h n i, h i j -> b h n j") - values
        surprise = einsum(keys, error, step, "b h n i, b h n j, b h n -> b h n i j")
        surprise = -reduce(surprise, "b h (n c) i j -> (b h) n i j", "sum", c=self.chunk_size)
        surprise, inverse_pack = pack_one_with_inverse(surprise, "b n *")
        if exists(self.to_momentum):
            momentum = self.to_momentum(pooled).sigmoid()
            surprise = assoc_scan(momentum, surprise)
        update = assoc_scan(1.0 - decay, surprise)
        update = inverse_pack(update)
        update = pad_at_dim(update, (1, 0), dim=1)
        return update + repeat(self.memory, "h i j -> (b h) 1 i j", b=batch)

    def retrieve(self, seq, weights):
        seq = self.retrieve_norm(seq)
        queries = self.split_heads(self.to_queries(seq))
        queries = rearrange(queries, "b h (n c) d -> (b h) n c d", c=self.chunk_size)
        values = einsum(queries, weights[:, : queries.shape[1]], "b n c i, b n i j -> b n c j")
        values = rearrange(values, "(b h) n c d -> b h (n c) d", h=self.heads)
        values = self.multihead_rmsnorm(values)
        return self.combine_heads(self.merge_heads(values))

    def forward(self, seq, store_seq=None, state: NeuralMemState | None = None):
        store_seq = default(store_seq, seq)
        length = seq.shape[-2]
        padding = round_up_multiple(length, self.chunk_size) - length
        seq, store_seq = (pad_at_dim(t, (0, padding), dim=1) for t in (seq, store_seq))
        if not exists(state):
            state = NeuralMemState(0, None, None)
        seq_index, *_ = state
        weights = self.store(store_seq)
        retrieved = self.retrieve(seq, weights)
        next_state = NeuralMemState(seq_index + length, weights[:, -1], None)
        return retrieved[:, :length], next_state
