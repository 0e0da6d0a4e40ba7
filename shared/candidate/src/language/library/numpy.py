"""Arrays of numpy that layers compute constants with; `numpy_x` is `numpy.x`. An array is a tensor here."""

import math

import torch

numpy_newaxis = None
numpy_float32 = torch.float32
numpy_float64 = torch.float64
numpy_int64 = torch.int64
numpy_int32 = torch.int32
numpy_ndarray = torch.Tensor


def _float(x):
    return x.float() if isinstance(x, torch.Tensor) and not x.is_floating_point() else x


def _each(scalar, function):
    def apply(x):
        if isinstance(x, (list, tuple)):
            x = numpy_array(x)
        return function(_float(x)) if isinstance(x, torch.Tensor) else scalar(x)

    return apply


numpy_sqrt = _each(math.sqrt, torch.sqrt)
numpy_exp = _each(math.exp, torch.exp)
numpy_log = _each(math.log, torch.log)
numpy_log2 = _each(math.log2, torch.log2)
numpy_log10 = _each(math.log10, lambda x: torch.log(x) / math.log(10.0))
numpy_log1p = _each(math.log1p, torch.log1p)
numpy_sin = _each(math.sin, torch.sin)
numpy_cos = _each(math.cos, torch.cos)
numpy_tanh = _each(math.tanh, torch.tanh)
numpy_floor = _each(lambda x: float(math.floor(x)), torch.floor)
numpy_ceil = _each(lambda x: float(math.ceil(x)), torch.ceil)


def numpy_abs(x):
    return abs(x)


def numpy_array(object, dtype=None):
    x = object if isinstance(object, torch.Tensor) else torch.tensor(object)
    return x if dtype is None else x.to(dtype)


numpy_asarray = numpy_array


def numpy_arange(start, stop=None, step=1, dtype=None):
    start, stop = (0, start) if stop is None else (start, stop)
    return torch.arange(start, stop, step, dtype=dtype)


def numpy_linspace(start, stop, num=50, dtype=None):
    return torch.linspace(start, stop, num)


def _sizes(shape):
    return (shape,) if isinstance(shape, int) else tuple(shape)


def numpy_zeros(shape, dtype=None):
    return torch.zeros(_sizes(shape))


def numpy_ones(shape, dtype=None):
    return torch.ones(_sizes(shape))


def numpy_ones_like(a):
    return torch.ones_like(a)


def numpy_zeros_like(a):
    return torch.zeros_like(a)


def numpy_full(shape, fill_value, dtype=None):
    return torch.full(_sizes(shape), fill_value)


def numpy_eye(N, dtype=None):
    return torch.eye(N)


def numpy_diag(v, k=0):
    return torch.diag(v, k)


def numpy_diagonal(a, offset=0):
    return torch.diagonal(a, offset)


def numpy_tril(m, k=0):
    return torch.tril(m, k)


def numpy_triu(m, k=0):
    return torch.triu(m, k)


def numpy_sum(a, axis=None, keepdims=False):
    return a.sum() if axis is None else a.sum(axis, keepdim=keepdims)


def numpy_mean(a, axis=None, keepdims=False):
    a = _float(a)
    return a.mean() if axis is None else a.mean(axis, keepdim=keepdims)


def numpy_cumsum(a, axis=0):
    return a.cumsum(axis)


def numpy_power(x1, x2):
    return x1**x2


def numpy_outer(a, b):
    return torch.outer(a, b)


def numpy_dot(a, b):
    return a @ b


numpy_matmul = numpy_dot


def numpy_where(condition, x, y):
    return torch.where(condition, x, y)


def numpy_maximum(x1, x2):
    return max(x1, x2) if not isinstance(x1, torch.Tensor) else x1.clamp(min=x2) if not isinstance(x2, torch.Tensor) else torch.maximum(x1, x2)


def numpy_minimum(x1, x2):
    return min(x1, x2) if not isinstance(x1, torch.Tensor) else x1.clamp(max=x2) if not isinstance(x2, torch.Tensor) else torch.minimum(x1, x2)


def numpy_concatenate(arrays, axis=0):
    return torch.cat([numpy_array(a) for a in arrays], axis)


def numpy_stack(arrays, axis=0):
    return torch.stack([numpy_array(a) for a in arrays], axis)


def numpy_repeat(a, repeats, axis=None):
    return torch.repeat_interleave(a, repeats, axis)


def numpy_prod(a):
    return math.prod(a) if isinstance(a, (list, tuple)) else a.prod()
