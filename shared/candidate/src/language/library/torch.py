"""Functions and modules of PyTorch that are defined here by others: `torch_x` is `torch.x` (and a method of tensors where
its first parameter is `input`), `F_x` is in `torch.nn.functional`, `linalg_x` in `torch.linalg`."""

import math

import einops
import torch
import torch.nn as nn
import torch.nn.functional as F


def init_copy_(tensor, other):
    return tensor.data.copy_(other)


def _scan(input, dim, combine):
    """Inclusive scan along a dimension by doubling: log2(n) steps."""
    x = input.movedim(dim, -1)
    n, shift = x.shape[-1], 1
    while shift < n:
        x = torch.cat([x[..., :shift], combine(x[..., :-shift], x[..., shift:])], dim=-1)
        shift = 2 * shift
    return x.movedim(-1, dim)


def torch_logaddexp(input, other):
    # Equal infinities have no difference.
    apart = torch.where(input == other, torch.zeros_like(input + other), input - other)
    return torch.maximum(input, other) + torch.log1p(torch.exp(-apart.abs()))


def torch_atan2(input, other):
    """The angle of (other, input), by the quotient that is not larger than 1."""
    steep = input.abs() > other.abs()
    below = torch.where(steep, input, other)
    slope = torch.atan(torch.where(steep, other, input) / torch.where(below == 0, torch.ones_like(below), below))
    sign = torch.where(input < 0, -1.0, 1.0)
    flat = slope + torch.where(other < 0, math.pi * sign, torch.zeros_like(sign))
    return torch.where(steep, 0.5 * math.pi * sign - slope, flat)


def torch_arctan2(input, other):
    return torch_atan2(input, other)


def torch_asin(input):
    return torch_atan2(input, torch.sqrt(1 - input * input))


def torch_acos(input):
    return torch_atan2(torch.sqrt(1 - input * input), input)


def complex_cumprod(input, dim):
    return _scan(input, dim, lambda a, b: a * b)


def torch_logcumsumexp(input, dim):
    return _scan(input, dim, torch_logaddexp)


class _Values:
    """What a running extremum returns; where it stands is not known."""

    def __init__(self, values):
        self.values = values

    def __getitem__(self, index):
        if index != 0:
            raise NotImplementedError("the indices of a running extremum are not supported")
        return self.values

    def __iter__(self):
        return [self.values, None]


def torch_cummax(input, dim):
    return _Values(_scan(input, dim, torch.maximum))


def torch_cummin(input, dim):
    return _Values(_scan(input, dim, torch.minimum))


def torch_diff(input, n=1, dim=-1, prepend=None, append=None):
    parts = [x for x in (prepend, input, append) if x is not None]
    x = torch.cat(parts, dim=dim) if len(parts) > 1 else input
    for _ in range(n):
        size = x.shape[dim]
        x = x.narrow(dim, 1, size - 1) - x.narrow(dim, 0, size - 1)
    return x


def torch_trunc(input):
    return torch.where(input < 0, input.ceil(), input.floor())


torch_fix = torch_trunc


def torch_frac(input):
    return input - torch_trunc(input)


def torch_fmod(input, other):
    return input - torch_trunc(input / other) * other


def torch_nan_to_num(input, nan=0.0, posinf=None, neginf=None):
    most = torch.finfo(torch.float32).max
    x = torch.where(torch.isnan(input), nan, input)
    return x.clamp(-most if neginf is None else neginf, most if posinf is None else posinf)


def torch_sinh(input):
    return (input.exp() - (-input).exp()) / 2


def torch_cosh(input):
    return (input.exp() + (-input).exp()) / 2


def torch_atanh(input):
    return (torch.log1p(input) - torch.log1p(-input)) / 2


torch_arctanh = torch_atanh


def torch_asinh(input):
    size = input.abs()
    return input.sign() * torch.log1p(size + size * size / (1 + torch.sqrt(size * size + 1)))


def torch_logit(input, eps=None):
    x = input if eps is None else input.clamp(eps, 1 - eps)
    return x.log() - torch.log1p(-x)


def torch_sinc(input):
    x = input * math.pi
    zero = x == 0
    return torch.where(zero, 1.0, x.sin() / torch.where(zero, 1.0, x))


def torch_hypot(input, other):
    return torch.sqrt(input * input + other * other)


def torch_xlogy(input, other):
    return torch.where(input == 0, 0.0, input * other.log())


def torch_softplus(input, beta=1, threshold=20):
    return F.softplus(input, beta, threshold)


def torch_celu(input, alpha=1.0):
    return F.celu(input, alpha)


def torch_std_mean(input, dim=None, keepdim=False, unbiased=True, correction=None):
    n = (1 if unbiased else 0) if correction is None else correction
    var, mean = torch.var_mean(input, dim, correction=n, keepdim=keepdim)
    return var.sqrt(), mean


def torch_count_nonzero(input, dim=None):
    x = (input != 0).long()
    return x.sum() if dim is None else x.sum(dim)


def torch_hstack(tensors):
    return torch.cat(tensors, dim=0 if tensors[0].dim() == 1 else 1)


def torch_vstack(tensors):
    return torch.cat([x[None] if x.dim() == 1 else x for x in tensors], dim=0)


torch_row_stack = torch_vstack


def torch_column_stack(tensors):
    return torch.cat([x[:, None] if x.dim() == 1 else x for x in tensors], dim=1)


def torch_cartesian_prod(*tensors):
    grids = torch.meshgrid(*tensors, indexing="ij")
    return torch.stack([g.flatten() for g in grids], dim=-1)


def torch_block_diag(*tensors):
    width = sum(x.shape[1] for x in tensors)
    rows, before = [], 0
    for x in tensors:
        rows.append(F.pad(x, (before, width - before - x.shape[1])))
        before = before + x.shape[1]
    return torch.cat(rows, dim=0)


def torch_kron(input, other):
    x = input[:, None, :, None] * other[None, :, None, :]
    return x.reshape(input.shape[0] * other.shape[0], input.shape[1] * other.shape[1])


def torch_tensordot(a, b, dims=2):
    if isinstance(dims, int):
        dims = (list(range(a.dim() - dims, a.dim())), list(range(dims)))
    left = [d % a.dim() for d in dims[0]]
    right = [d % b.dim() for d in dims[1]]
    a_kept = [d for d in range(a.dim()) if d not in left]
    b_kept = [d for d in range(b.dim()) if d not in right]
    inner = math.prod([a.shape[d] for d in left])
    x = a.permute(*a_kept, *left).reshape(-1, inner)
    y = b.permute(*right, *b_kept).reshape(inner, -1)
    return (x @ y).reshape([a.shape[d] for d in a_kept] + [b.shape[d] for d in b_kept])


def torch_addmv(input, mat, vec, beta=1, alpha=1):
    return beta * input + alpha * (mat @ vec)


def torch_addbmm(input, batch1, batch2, beta=1, alpha=1):
    return beta * input + alpha * (batch1 @ batch2).sum(0)


def torch_addr(input, vec1, vec2, beta=1, alpha=1):
    return beta * input + alpha * torch.outer(vec1, vec2)


def torch_addcdiv(input, tensor1, tensor2, value=1):
    return input + value * tensor1 / tensor2


def torch_cross(input, other, dim=-1):
    return torch.roll(input, -1, dim) * torch.roll(other, 1, dim) - torch.roll(input, 1, dim) * torch.roll(other, -1, dim)


def torch_cdist(x1, x2, p=2.0):
    delta = x1[..., :, None, :] - x2[..., None, :, :]
    return delta.norm(p=p, dim=-1)


def torch_vander(x, N=None, increasing=False):
    n = x.shape[0] if N is None else N
    powers = torch.arange(n) if increasing else torch.arange(n - 1, -1, -1)
    return x[:, None] ** powers


def torch_trapezoid(y, dx=1.0, dim=-1):
    size = y.shape[dim]
    return dx * (y.narrow(dim, 1, size - 1) + y.narrow(dim, 0, size - 1)).sum(dim) / 2


def torch_renorm(input, p, dim, maxnorm):
    others = [d for d in range(input.dim()) if d != dim % input.dim()]
    size = input.norm(p=p, dim=others, keepdim=True)
    return torch.where(size > maxnorm, input * (maxnorm / (size + 1e-7)), input)


def torch_hann_window(window_length, periodic=True, **kwargs):
    n = window_length if periodic else window_length - 1
    return 0.5 - 0.5 * torch.cos(2 * math.pi * torch.arange(window_length).float() / n)


def torch_index_fill(input, dim, index, value):
    n = input.shape[dim]
    chosen = (torch.arange(n)[:, None] == index.reshape(1, -1) % n).any(-1)
    return torch.where(chosen.view(n, *[1] * (input.dim() - 1 - dim % input.dim())), value, input)


def torch_normal(mean, std, size=None, **kwargs):
    shape = size if size is not None else std.shape if isinstance(std, torch.Tensor) else mean.shape
    return mean + std * torch.randn(shape)


def torch_exponential(input, lambd=1.0):
    return -torch.log1p(-torch.rand_like(input)) / lambd


def torch_inverse(input):
    return linalg_inv(input)


def F_hardswish(input, inplace=False):
    return input * F.relu6(input + 3) / 6


def F_threshold(input, threshold, value, inplace=False):
    return torch.where(input > threshold, input, value)


def F_prelu(input, weight):
    if weight.numel() > 1 and input.dim() > 1:
        weight = weight.view(-1, *[1] * (input.dim() - 2))
    return torch.where(input > 0, input, weight * input)


def F_hardshrink(input, lambd=0.5):
    return torch.where(input.abs() > lambd, input, 0.0)


def F_softshrink(input, lambd=0.5):
    return input.sign() * F.relu(input.abs() - lambd)


def F_tanhshrink(input):
    return input - torch.tanh(input)


def F_mse_loss(input, target, reduction="mean"):
    loss = (input - target) ** 2
    return loss.mean() if reduction == "mean" else loss.sum() if reduction == "sum" else loss


def _windows(input, kernel_size, stride, padding, fill):
    first = lambda n: n[0] if isinstance(n, (tuple, list)) else n
    kernel_size = first(kernel_size)
    stride = kernel_size if stride is None else first(stride)
    padding = first(padding)
    x = F.pad(input, (padding, padding), value=fill) if padding else input
    return x.unfold(-1, kernel_size, stride)


def F_avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    if ceil_mode or not count_include_pad:
        raise NotImplementedError("ceil_mode and count_include_pad=False are not supported")
    return _windows(input, kernel_size, stride, padding, 0.0).mean(-1)


def F_max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    if ceil_mode or return_indices or dilation != 1:
        raise NotImplementedError("ceil_mode, return_indices and dilation are not supported")
    return _windows(input, kernel_size, stride, padding, float("-inf")).amax(-1)


def F_pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    return (x1 - x2 + eps).norm(p=p, dim=-1, keepdim=keepdim)


def _nilpotent_inverse(lower):
    """(I + lower)^-1 of strictly triangular [.., n, n]: (I - N)(I + N^2)(I + N^4) .."""
    n = lower.shape[-1]
    power = -lower
    inverse = torch.eye(n, dtype=lower.dtype, device=lower.device) + power
    size = 2
    while size < n:
        power = power @ power
        inverse = inverse + inverse @ power
        size = 2 * size
    return inverse


def linalg_solve_triangular(A, B, upper, left=True, unitriangular=False):
    if not left:
        return linalg_solve_triangular(A.mT, B.mT, upper=not upper, unitriangular=unitriangular).mT
    strict = A.triu(1) if upper else A.tril(-1)
    if unitriangular:
        return _nilpotent_inverse(strict) @ B
    diagonal = A.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
    return _nilpotent_inverse(strict / diagonal) @ (B / diagonal)


def torch_triangular_solve(b, A, upper=True, transpose=False, unitriangular=False):
    if transpose:
        A, upper = A.mT, not upper
    return linalg_solve_triangular(A, b, upper=upper, unitriangular=unitriangular), A


def linalg_solve(A, B, left=True):
    """By elimination without exchanges, which definite and dominant matrices do not need."""
    if not left:
        return linalg_solve(A.mT, B.mT).mT
    n = A.shape[-1]
    if n > 64:
        raise NotImplementedError(f"a linear system of size {n} (at most 64)")
    vector = B.dim() == 1 or (B.dim() == A.dim() - 1 and B.shape == A.shape[:-1])
    x = B.unsqueeze(-1) if vector else B
    identity = torch.eye(n, dtype=A.dtype, device=A.device)
    for i in range(n):
        pivot = A[..., i : i + 1, i : i + 1]
        row, right = A[..., i : i + 1, :] / pivot, x[..., i : i + 1, :] / pivot
        factor = A[..., :, i : i + 1] - identity[:, i : i + 1]
        A, x = A - factor * row, x - factor * right
    return x.squeeze(-1) if vector else x


def linalg_inv(A):
    return linalg_solve(A, torch.eye(A.shape[-1], dtype=A.dtype, device=A.device).expand(A.shape))


def linalg_cholesky(A, upper=False):
    n = A.shape[-1]
    if n > 64:
        raise NotImplementedError(f"a factorisation of size {n} (at most 64)")
    columns = []
    for j in range(n):
        rest = A[..., :, j]
        for column in columns:
            rest = rest - column * column[..., j : j + 1]
        root = rest[..., j : j + 1].sqrt()
        below = torch.arange(n, device=A.device) >= j
        columns.append(torch.where(below, rest / root, 0.0))
    lower = torch.stack(columns, dim=-1)
    return lower.mT if upper else lower


def linalg_matrix_power(A, n):
    x = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device).expand(A.shape)
    for _ in range(n):
        x = x @ A
    return x


def linalg_matmul(input, other):
    return input @ other


def linalg_multi_dot(tensors):
    x = tensors[0]
    for y in tensors[1:]:
        x = x @ y
    return x


def linalg_vecdot(x, y, dim=-1):
    return (x * y).sum(dim)


def linalg_cross(input, other, dim=-1):
    return torch_cross(input, other, dim)


def linalg_diagonal(A, offset=0, dim1=-2, dim2=-1):
    return A.diagonal(offset, dim1, dim2)
