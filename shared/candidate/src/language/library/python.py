"""Parts of Python's standard library and of small packages: `itertools_x` is `itertools.x`, and so on."""


class SimpleNamespace:
    def __init__(self, **kwargs):
        for name, value in kwargs.items():
            setattr(self, name, value)


def parse(version):
    """A version as a tuple of numbers, which compares as versions do."""
    numbers = []
    for part in version.split("+")[0].split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


Version = parse
LooseVersion = parse
StrictVersion = parse


def find_spec(name, package=None):
    """Whether a package is there; of those that layers ask for, these are."""
    return name if name.split(".")[0] in _THERE else None


_THERE = ("torch", "einops", "fla", "causal_conv1d", "mamba_ssm", "flash_attn", "fast_transformers")


def next_fast_len(target, real=False):
    """The least number that is not smaller and has no prime factor above 5."""
    n = target
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


def itertools_zip_longest(*iterables, fillvalue=None):
    rows = [list(x) for x in iterables]
    length = max([len(x) for x in rows], default=0)
    return [tuple(x[i] if i < len(x) else fillvalue for x in rows) for i in range(length)]


def itertools_repeat(object, times=None):
    if times is None:
        raise NotImplementedError("itertools.repeat without an end is not supported")
    return [object] * times


def itertools_starmap(function, iterable):
    return [function(*args) for args in iterable]


def itertools_combinations(iterable, r):
    items = list(iterable)
    if r == 0:
        return [()]
    return [(items[i],) + rest for i in range(len(items)) for rest in itertools_combinations(items[i + 1 :], r - 1)]


def operator_itemgetter(*items):
    if len(items) == 1:
        return lambda x: x[items[0]]
    return lambda x: tuple(x[i] for i in items)


def operator_attrgetter(name):
    return lambda x: getattr(x, name)


def operator_methodcaller(name, *args, **kwargs):
    return lambda x: getattr(x, name)(*args, **kwargs)


def operator_neg(a):
    return -a


def operator_pow(a, b):
    return a**b


def operator_mod(a, b):
    return a % b


def operator_eq(a, b):
    return a == b


def operator_lt(a, b):
    return a < b


def operator_le(a, b):
    return a <= b


def operator_gt(a, b):
    return a > b


def operator_ge(a, b):
    return a >= b


def tree_tree_map(func, tree, *rest):
    if isinstance(tree, dict):
        return {name: tree_tree_map(func, value, *[r[name] for r in rest]) for name, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        made = [tree_tree_map(func, value, *[r[i] for r in rest]) for i, value in enumerate(tree)]
        if hasattr(tree, "_fields"):
            return type(tree)(*made)
        return made if isinstance(tree, list) else tuple(made)
    return func(tree, *rest)


def tree_tree_flatten(tree):
    leaves = []
    tree_tree_map(leaves.append, tree)
    return leaves, tree


def tree_tree_unflatten(leaves, treespec):
    left = list(leaves)
    return tree_tree_map(lambda _: left.pop(0), treespec)


def fft_fft2(input, s=None, dim=(-2, -1), norm=None):
    return fft_fftn(input, s, dim, norm)


def fft_ifft2(input, s=None, dim=(-2, -1), norm=None):
    return fft_ifftn(input, s, dim, norm)


def _axes(input, s, dim):
    axes = tuple(range(input.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    return axes, (None,) * len(axes) if s is None else tuple(s)


def fft_fftn(input, s=None, dim=None, norm=None):
    axes, sizes = _axes(input, s, dim)
    for axis, n in zip(axes, sizes):
        input = torch.fft.fft(input, n, axis, norm)
    return input


def fft_ifftn(input, s=None, dim=None, norm=None):
    axes, sizes = _axes(input, s, dim)
    for axis, n in zip(axes, sizes):
        input = torch.fft.ifft(input, n, axis, norm)
    return input
