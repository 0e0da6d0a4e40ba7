"""Modules of `torch.nn` that are defined by others, named `nn_x`."""


class nn_PReLU(nn.Module):
    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.weight = nn.Parameter(torch.full((num_parameters,), float(init)))

    def forward(self, input):
        return F_prelu(input, self.weight)


class nn_Hardswish(nn.Module):
    def __init__(self, inplace=False):
        super().__init__()

    def forward(self, input):
        return F_hardswish(input)


class nn_Softmin(nn.Module):
    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.softmin(input, self.dim)


class nn_Tanhshrink(nn.Module):
    def forward(self, input):
        return F_tanhshrink(input)


class nn_Threshold(nn.Module):
    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold, self.value = threshold, value

    def forward(self, input):
        return F_threshold(input, self.threshold, self.value)


class nn_Unflatten(nn.Module):
    def __init__(self, dim, unflattened_size):
        super().__init__()
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input):
        return input.unflatten(self.dim, self.unflattened_size)


class nn_AvgPool1d(nn.Module):
    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__()
        self.options = (kernel_size, stride, padding, ceil_mode, count_include_pad)

    def forward(self, input):
        return F_avg_pool1d(input, *self.options)


class nn_MaxPool1d(nn.Module):
    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False):
        super().__init__()
        self.options = (kernel_size, stride, padding, dilation, ceil_mode, return_indices)

    def forward(self, input):
        return F_max_pool1d(input, *self.options)


class nn_ZeroPad2d(nn.Module):
    def __init__(self, padding):
        super().__init__()
        self.padding = (padding,) * 4 if isinstance(padding, int) else tuple(padding)

    def forward(self, input):
        return F.pad(input, self.padding)


class nn_ConstantPad2d(nn.Module):
    def __init__(self, padding, value):
        super().__init__()
        self.padding = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, value=self.value)


class nn_CosineSimilarity(nn.Module):
    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1, x2):
        return F.cosine_similarity(x1, x2, dim=self.dim, eps=self.eps)


class nn_Bilinear(nn.Module):
    def __init__(self, in1_features, in2_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        bound = in1_features**-0.5
        self.weight = nn.Parameter(torch.empty(out_features, in1_features, in2_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound)) if bias else None

    def forward(self, input1, input2):
        return F.bilinear(input1, input2, self.weight, self.bias)
