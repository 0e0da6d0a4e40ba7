"""Causal FAVOR+ attention: positive random features, running sums in chunks (Choromanski et al. 2020)."""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from einops import rearrange, repeat


def exists(val):
    return val is not None


def default(val, d):
    return val if exists(val) else d


def softmax_kernel(data, *, projection_matrix, is_query, normalize_data=True, eps=1e-4):
    b, h, *_ = data.shape
    data_normalizer = (data.shape[-1] ** -0.25) if normalize_data else 1.0
    ratio = projection_matrix.shape[0] ** -0.5
    projection = repeat(projection_matrix, "j d -> b h j d", b=b, h=h).type_as(data)
    data_dash = torch.einsum("...id,...jd->...ij", (data_normalizer * data), projection)
    diag_data = ((data**2).sum(dim=-1) / 2.0 * (data_normalizer**2)).unsqueeze(dim=-1)
    if is_query:
        stab = torch.amax(data_dash, dim=-1, keepdim=True).detach()
        return ratio * (torch.exp(data_dash - diag_data - stab) + eps)
    return ratio * (torch.exp(data_dash - diag_data) + eps)


def orthogonal_matrix_chunk(cols):
    block = torch.empty(cols, cols)
    nn.init.orthogonal_(block)
    return block.t()


def gaussian_orthogonal_random_matrix(nb_rows, nb_columns):
    nb_full_blocks = int(nb_rows / nb_columns)
    block_list = [orthogonal_matrix_chunk(nb_columns) for _ in range(nb_full_blocks)]
    remaining_rows = nb_rows - nb_full_blocks * nb_columns
    if remaining_rows > 0:
        block_list.append(orthogonal_matrix_chunk(nb_columns)[:remaining_rows])
    return torch.cat(block_list) * math.sqrt(float(nb_columns))


def causal_linear_attention_noncuda(q, k, v, chunk_size=16, eps=1e-6):
    last_k_cumsum = 0
    last_context_cumsum = 0
    outs = []
    for q, k, v in zip(*map(lambda t: t.split(chunk_size, dim=-2), (q, k, v))):
        k_cumsum = last_k_cumsum + k.cumsum(dim=-2)
        D_inv = 1.0 / torch.einsum("...nd,...nd->...n", q, k_cumsum.type_as(q) + eps)
        context = torch.einsum("...nd,...ne->...nde", k, v)
        context_cumsum = last_context_cumsum + context.cumsum(dim=-3)
        out = torch.einsum("...nde,...nd,...n->...ne", context_cumsum, q, D_inv)
        last_k_cumsum = k_cumsum[:, :, -1:]
        last_context_cumsum = context_cumsum[:, :, -1:]
        outs.append(out)
    return torch.cat(outs, dim=-2)


class FastAttention(nn.Module):
    def __init__(self, dim_heads, nb_features=None, generalized_attention=False, kernel_fn=nn.ReLU()):
        super().__init__()
        nb_features = default(nb_features, int(dim_heads * math.log(dim_heads)))
        self.nb_features = max(nb_features, 1)
        self.register_buffer("projection_matrix", torch.linspace(-1.5, 1.5, self.nb_features * dim_heads).view(self.nb_features, -1))
        self.generalized_attention = generalized_attention
        self.kernel_fn = kernel_fn

    @torch.no_grad()
    def redraw_projection_matrix(self):
        self.projection_matrix.copy_(gaussian_orthogonal_random_matrix(self.nb_features, self.projection_matrix.shape[1]))

    def forward(self, q, k, v):
        if self.generalized_attention:
            q, k = (self.kernel_fn(t @ self.projection_matrix.t()) + 1e-3 for t in (q, k))
        else:
            create_kernel = partial(softmax_kernel, projection_matrix=self.projection_matrix)
            q = create_kernel(q, is_query=True)
            k = create_kernel(k, is_query=False)
        return causal_linear_attention_noncuda(q, k, v)


class PerformerAttention(nn.Module):
    def __init__(self, dim, heads=2, dim_head=None, dropout=0.0, qkv_bias=True):
        super().__init__()
        assert dim % heads == 0, "dimension must be divisible by number of heads"
        dim_head = default(dim_head, dim // heads)
        inner_dim = dim_head * heads
        self.heads = heads
        self.fast_attention = FastAttention(dim_head)
        self.to_q, self.to_k, self.to_v = (nn.Linear(dim, inner_dim, bias=qkv_bias) for _ in range(3))
        self.to_out = nn.Linear(inner_dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, pos_emb=None, context=None, mask=None, context_mask=None, **kwargs):
        context = default(context, x)
        q, k, v = self.to_q(x), self.to_k(context), self.to_v(context)
        q, k, v = map(lambda t: rearrange(t, "b n (h d) -> b h n d", h=self.heads), (q, k, v))
        if exists(mask):
            v = v.masked_fill(~mask[:, None, :, None], 0.0)
        out = rearrange(self.fast_attention(q, k, v), "b h n d -> b n (h d)")
        return self.dropout(self.to_out(out))
