"""Functions of einops that are defined by others: `einops_x` is `einops.x`, `layers_x` is in `einops.layers.torch`."""


def einops_pack(tensors, pattern):
    """Flatten what `*` stands for in each tensor and join them there; returns the shapes that were flattened."""
    axes = pattern.split()
    before = axes.index("*")
    after = len(axes) - before - 1
    shapes, flat = [], []
    for x in tensors:
        if x.dim() < before + after:
            raise ValueError(f"packed tensor of shape {tuple(x.shape)} does not fit {pattern!r}")
        stop = x.dim() - after
        shapes.append(x.shape[before:stop])
        flat.append(x.reshape(*x.shape[:before], -1, *x.shape[stop:]))
    return torch.cat(flat, dim=before), shapes


def einops_unpack(tensor, packed_shapes, pattern):
    axes = pattern.split()
    at = axes.index("*")
    if len(axes) != tensor.dim():
        raise ValueError(f"{pattern!r} names {len(axes)} axes, the tensor to unpack is {tuple(tensor.shape)}")
    sizes = [math.prod(shape) for shape in packed_shapes]
    if any(size < 0 for size in sizes):
        known = sum(size for size in sizes if size >= 0)
        sizes = [tensor.shape[at] - known if size < 0 else size for size in sizes]
    pieces, start = [], 0
    for size, shape in zip(sizes, packed_shapes):
        piece = tensor.narrow(at, start, size)
        pieces.append(piece.reshape(*tensor.shape[:at], *shape, *tensor.shape[at + 1 :]))
        start = start + size
    return pieces


def einops_parse_shape(x, pattern):
    return {name: size for name, size in zip(pattern.split(), x.shape) if name != "_"}


class layers_Rearrange(nn.Module):
    def __init__(self, pattern, **axes_lengths):
        super().__init__()
        self.pattern, self.axes_lengths = pattern, axes_lengths

    def forward(self, x):
        return einops.rearrange(x, self.pattern, **self.axes_lengths)


class layers_Reduce(nn.Module):
    def __init__(self, pattern, reduction, **axes_lengths):
        super().__init__()
        self.pattern, self.reduction, self.axes_lengths = pattern, reduction, axes_lengths

    def forward(self, x):
        return einops.reduce(x, self.pattern, self.reduction, **self.axes_lengths)
