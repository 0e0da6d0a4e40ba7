"""TTT-linear: a linear model per head is trained on the sequence, one mini-batch after another (Sun et al. 2024)."""

from typing import Any, Dict, NamedTuple, Optional

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint


def scan(f, init, xs: Dict[str, torch.Tensor], out: list, checkpoint_group: int = 0):
    """Mimics jax.lax.scan over the leading axis of every entry."""
    carry = init
    num_items = len(next(iter(xs.values())))

    def scan_fn(carry, i_start, i_end):
        for i in range(i_start, i_end):
            x = {key: tensor[i] for key, tensor in xs.items()}
            carry, y = f(carry, x)
            out.append(y)
        return carry

    if checkpoint_group > 0:
        for k in range(0, num_items, checkpoint_group):
            carry = checkpoint(scan_fn, carry, k, min(k + checkpoint_group, num_items), use_reentrant=False)
    else:
        carry = scan_fn(carry, 0, num_items)
    return carry, torch.stack(out)


def ln_fwd(x, gamma, beta, eps=1e-6):
    mu = x.mean(dim=-1, keepdim=True)
    var = x.var(dim=-1, keepdim=True, unbiased=False)
    x_hat = (x - mu) / torch.sqrt(var + eps)
    return gamma * x_hat + beta


def ln_fused_l2_bwd(x, l2_target, gamma, beta, eps=1e-6):
    """Gradient of the squared error of a layer norm with respect to its input."""
    D = x.shape[-1]
    mu = x.mean(dim=-1, keepdim=True)
    var = x.var(dim=-1, keepdim=True, unbiased=False)
    std = torch.sqrt(var + eps)
    x_hat = (x - mu) / std
    y = gamma * x_hat + beta
    grad_output = y - l2_target
    grad_x_hat = grad_output * gamma
    z = (
        (1.0 / D)
        * (D * grad_x_hat - grad_x_hat.sum(dim=-1, keepdim=True) - x_hat * (grad_x_hat * x_hat).sum(dim=-1, keepdim=True))
        / std
    )
    return z


class Params(NamedTuple):
    W1: torch.Tensor
    b1: torch.Tensor


class TTTLinear(nn.Module):
    def __init__(self, hidden_size: int, num_heads: int = 2, mini_batch_size: int = 8, ttt_base_lr: float = 1.0):
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = hidden_size // num_heads
        self.mini_batch_size = mini_batch_size
        self.ttt_base_lr = ttt_base_lr
        token_idx = 1.0 / torch.arange(1, mini_batch_size + 1)
        self.register_buffer("token_idx", token_idx, persistent=False)
        self.learnable_token_idx = nn.Parameter(torch.zeros((mini_batch_size,)))
        for name in "qkvo":
            setattr(self, f"{name}_proj", nn.Linear(hidden_size, hidden_size, bias=False))
        self.learnable_ttt_lr_weight = nn.Parameter(
            torch.stack([torch.normal(0, 0.02, size=(1, hidden_size)) for _ in range(num_heads)], dim=0)
        )
        self.learnable_ttt_lr_bias = nn.Parameter(torch.stack([torch.zeros(1) for _ in range(num_heads)], dim=0))
        self.ttt_norm_weight = nn.Parameter(torch.ones(num_heads, self.head_dim))
        self.ttt_norm_bias = nn.Parameter(torch.zeros(num_heads, self.head_dim))
        self.W1 = nn.Parameter(torch.normal(0, 0.02, size=(num_heads, self.head_dim, self.head_dim)))
        self.b1 = nn.Parameter(torch.zeros(num_heads, 1, self.head_dim))
        self.post_norm = nn.LayerNorm(hidden_size, eps=1e-6)

    def get_eta(self, X):
        """Learning rates of targets (columns) and positions (rows): [n, B, nh, K, K]."""
        lr = torch.einsum("bnkc,hdc->bhnkd", X, self.learnable_ttt_lr_weight)
        lr = F.sigmoid(lr + self.learnable_ttt_lr_bias.reshape(1, -1, 1, 1, 1)).permute(0, 1, 2, 4, 3)
        lr = self.ttt_base_lr * lr / self.head_dim
        token_idx = torch.clamp_min(self.token_idx + self.learnable_token_idx, 0.0)
        token_eta = torch.broadcast_to(token_idx.reshape(1, 1, 1, -1, 1), (X.shape[0], self.num_heads, X.shape[1], X.shape[2], 1))
        return token_eta, lr

    def step(self, params: Params, inputs: Dict[str, Any]):
        XQ, XK, XV, token_eta, ttt_lr = (inputs[k] for k in ("XQ", "XK", "XV", "token_eta", "ttt_lr"))
        W1_init, b1_init = params
        K = XQ.shape[-2]
        Z1 = XK @ W1_init + b1_init
        target = XV - XK
        ln_weight = self.ttt_norm_weight.reshape(self.num_heads, 1, self.head_dim)
        ln_bias = self.ttt_norm_bias.reshape(self.num_heads, 1, self.head_dim)
        grad = ln_fused_l2_bwd(Z1, target, ln_weight, ln_bias)
        eta = torch.tril(token_eta * ttt_lr)
        attn = torch.tril(XQ @ XK.transpose(-2, -1))
        b1_bar = b1_init - eta @ grad
        Z1_bar = XQ @ W1_init - (eta * attn) @ grad + b1_bar
        last = (token_eta[..., -1:, :] * ttt_lr).transpose(-1, -2)
        W1 = W1_init - (last * XK).transpose(-1, -2) @ grad
        b1 = b1_init - torch.sum(last * grad, dim=-2, keepdim=True)
        return Params(W1, b1), XQ + ln_fwd(Z1_bar, ln_weight, ln_bias)

    def forward(self, hidden_states, attention_mask: Optional[torch.Tensor] = None, position_ids=None, cache_params=None):
        B, L, C = hidden_states.shape
        K = self.mini_batch_size
        pad = (K - L % K) % K
        x = F.pad(hidden_states, (0, 0, 0, pad))
        n = x.shape[1] // K
        split = lambda t: t.reshape(B, n, K, self.num_heads, self.head_dim).permute(1, 0, 3, 2, 4)
        token_eta, lr = self.get_eta(x.reshape(B, n, K, C))
        xs = dict(
            XQ=split(self.q_proj(x)),
            XK=split(self.k_proj(x)),
            XV=split(self.v_proj(x)),
            token_eta=token_eta.permute(2, 0, 1, 3, 4),
            ttt_lr=lr.permute(2, 0, 1, 3, 4),
        )
        init = Params(
            W1=torch.tile(self.W1.unsqueeze(0), dims=(B, 1, 1, 1)),
            b1=torch.tile(self.b1.unsqueeze(0), dims=(B, 1, 1, 1)),
        )
        last, out = scan(self.step, init, xs, [], checkpoint_group=2 if self.training else 0)
        out = out.permute(1, 0, 3, 2, 4).reshape(B, n * K, C)[:, :L]
        return self.o_proj(self.post_norm(out))
