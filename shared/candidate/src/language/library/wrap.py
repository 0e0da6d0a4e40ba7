# Functions that wrap others: a weight split into length and direction, a function applied along an axis.


def _length(v, dim):
    if dim is None:
        return (v * v).sum().sqrt()
    return (v * v).sum([i for i in range(v.dim()) if i != dim % v.dim()], keepdim=True).sqrt()


def _split(module, name, dim):
    weight = getattr(module, name).detach()
    delattr(module, name)
    return nn.Parameter(_length(weight, dim)), nn.Parameter(weight.clone())


def _remake(module, name, g, v, dim):
    plain = module.forward

    def forward(*args, **kwargs):
        setattr(module, name, v * (g / _length(v, dim)))
        return plain(*args, **kwargs)

    module.forward = forward
    return module


def utils_weight_norm(module, name="weight", dim=0):
    g, v = _split(module, name, dim)
    module.register_parameter(name + "_g", g)
    module.register_parameter(name + "_v", v)
    return _remake(module, name, g, v, dim)


class _Parametrizations(nn.Module):
    def __init__(self, g, v):
        super().__init__()
        self.original0, self.original1 = g, v


def parametrizations_weight_norm(module, name="weight", dim=0):
    g, v = _split(module, name, dim)
    if not hasattr(module, "parametrizations"):
        module.parametrizations = nn.ModuleDict()
    module.parametrizations[name] = _Parametrizations(g, v)
    return _remake(module, name, g, v, dim)


def torch_vmap(func, in_dims=0, out_dims=0, randomness="error", chunk_size=None):
    def mapped(*args, **kwargs):
        dims = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        if len(dims) != len(args):
            raise ValueError(f"vmap(): in_dims has {len(dims)} entries for {len(args)} arguments")
        sizes = [a.shape[d] for a, d in zip(args, dims) if d is not None] + [a.shape[0] for a in kwargs.values()]
        if not sizes or any(size != sizes[0] for size in sizes):
            raise ValueError(f"vmap(): the mapped sizes {sizes} are not all the same")
        results = []
        for i in range(sizes[0]):
            given = [a if d is None else a.select(d, i) for a, d in zip(args, dims)]
            results.append(func(*given, **{name: a.select(0, i) for name, a in kwargs.items()}))
        if isinstance(results[0], (tuple, list)):
            outs = out_dims if isinstance(out_dims, (tuple, list)) else (out_dims,) * len(results[0])
            return tuple(torch.stack(list(column), dim=d) for column, d in zip(zip(*results), outs))
        return torch.stack(results, dim=out_dims)

    return mapped


func_vmap = torch_vmap
