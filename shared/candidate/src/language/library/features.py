"""Feature maps of linear attention (`fla.modules.feature_map`)."""


def _pairs(x, y, offset):
    """Products x_i y_j of all pairs with j - i >= offset."""
    n = x.shape[-1]
    rows, columns = torch.triu_indices(n, n, offset)
    return x[..., rows] * y[..., columns]


def flatten_diag_outer_product(x, y):
    return _pairs(x, y, 0)


def flatten_diag_outer_product_off1(x, y):
    return _pairs(x, y, 1), x * y


class HedgehogFeatureMap(nn.Module):
    def __init__(self, head_dim):
        super().__init__()
        self.layer = nn.Linear(head_dim, head_dim)
        nn.init.eye_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, x):
        y = 2 * self.layer(x)
        return torch.cat([y, -y], dim=-1).softmax(-1)


class T2RFeatureMap(nn.Module):
    def __init__(self, head_dim, dot_dim=None, bias=False):
        super().__init__()
        self.layer = nn.Linear(head_dim, head_dim if dot_dim is None else dot_dim, bias=bias)

    def forward(self, x):
        return self.layer(x).relu()


class DPFPFeatureMap(nn.Module):
    def __init__(self, head_dim, nu=4):
        super().__init__()
        self.nu = nu

    def forward(self, x):
        x = torch.cat([x.relu(), (-x).relu()], dim=-1)
        rolled = torch.cat([x.roll(shifts=j, dims=-1) for j in range(1, self.nu + 1)], dim=-1)
        return torch.cat([x] * self.nu, dim=-1) * rolled


class HadamardFeatureMap(nn.Module):
    def __init__(self, head_dim):
        super().__init__()
        self.layer1 = nn.Linear(head_dim, head_dim)
        self.layer2 = nn.Linear(head_dim, head_dim)

    def forward(self, x):
        return self.layer1(x) * self.layer2(x)


class LearnableOuterProductFeatureMap(nn.Module):
    def __init__(self, head_dim, feature_dim):
        super().__init__()
        self.layer1 = nn.Linear(head_dim, feature_dim, bias=False)
        self.layer2 = nn.Linear(head_dim, feature_dim, bias=False)

    def forward(self, x):
        return _pairs(self.layer1(x), self.layer2(x), 0)


class TaylorFeatureMap(nn.Module):
    """Second-order expansion of exp(q . k / sqrt(d))."""

    def __init__(self, head_dim):
        super().__init__()
        self.head_dim = head_dim

    def forward(self, x):
        root = math.sqrt(self.head_dim)
        return torch.cat(
            [torch.ones_like(x[..., :1]), x / math.sqrt(root), x * x / (root * math.sqrt(2)), _pairs(x, x, 1) / root], dim=-1
        )


class RebasedFeatureMap(nn.Module):
    def __init__(self, head_dim, use_gamma=True, use_beta=True, normalize=True):
        super().__init__()
        self.head_dim = head_dim
        self.normalize = normalize
        self.gamma = nn.Parameter(torch.ones(head_dim)) if use_gamma else None
        self.beta = nn.Parameter(torch.zeros(head_dim)) if use_beta else None

    def forward(self, x, flatten=True):
        if self.normalize:
            x = F.layer_norm(x, (self.head_dim,), self.gamma, self.beta)
        elif self.gamma is not None:
            x = x * self.gamma if self.beta is None else torch.addcmul(self.beta, x, self.gamma)
        else:
            raise RuntimeError("without normalize, use_gamma must be set")
        if not flatten:
            return x
        return torch.cat([x * x * self.head_dim**-0.5, _pairs(x, x, 1) * (2 / self.head_dim) ** 0.5], dim=-1)


class ReLUFeatureMap(nn.Module):
    def forward(self, x):
        return F.relu(x)


class SquaredReLUFeatureMap(nn.Module):
    def forward(self, x):
        return sqrelu(x)


class GELUFeatureMap(nn.Module):
    def forward(self, x):
        return F.gelu(x, approximate="tanh")


class SwishFeatureMap(nn.Module):
    def forward(self, x):
        return _swish(x)


class SigmoidFeatureMap(nn.Module):
    def forward(self, x):
        return torch.sigmoid(x)
