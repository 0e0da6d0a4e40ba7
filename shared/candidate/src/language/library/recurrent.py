"""Recurrent modules, attention and two-dimensional convolution of `torch.nn`, named `nn_x`."""


class _Recurrent(nn.Module):
    gates = 1

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, proj_size=0, nonlinearity="tanh", device=None, dtype=None):
        super().__init__()
        if bidirectional:
            raise NotImplementedError("bidirectional: it reads the future")
        if proj_size:
            raise NotImplementedError("proj_size is not supported")
        self.hidden_size, self.num_layers, self.batch_first = hidden_size, num_layers, batch_first
        self.nonlinearity = nonlinearity
        bound = hidden_size**-0.5
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size
            shapes = [("weight_ih", (self.gates * hidden_size, width)), ("weight_hh", (self.gates * hidden_size, hidden_size))]
            if bias:
                shapes += [("bias_ih", (self.gates * hidden_size,)), ("bias_hh", (self.gates * hidden_size,))]
            for name, shape in shapes:
                setattr(self, f"{name}_l{layer}", nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))

    def flatten_parameters(self):
        return None

    def start(self, x, hx, layer):
        return x.new_zeros(x.shape[1], self.hidden_size) if hx is None else hx[layer]

    def forward(self, input, hx=None):
        x = input.transpose(0, 1) if self.batch_first else input
        last = []
        for layer in range(self.num_layers):
            w, b = [getattr(self, f"{n}_ih_l{layer}", None) for n in ("weight", "bias")]
            u, c = [getattr(self, f"{n}_hh_l{layer}", None) for n in ("weight", "bias")]
            read = F.linear(x, w, b)
            state, outputs = self.begin(x, hx, layer), []
            for t in range(x.shape[0]):
                state = self.step(read[t], state, u, c)
                outputs.append(self.visible(state))
            x = torch.stack(outputs)
            last.append(state)
        return (x.transpose(0, 1) if self.batch_first else x), self.ended(last)

    def begin(self, x, hx, layer):
        return self.start(x, hx, layer)

    def visible(self, state):
        return state

    def ended(self, last):
        return torch.stack(last)


class nn_RNN(_Recurrent):
    def step(self, read, h, u, c):
        y = read + F.linear(h, u, c)
        return torch.tanh(y) if self.nonlinearity == "tanh" else torch.relu(y)


class nn_GRU(_Recurrent):
    gates = 3

    def step(self, read, h, u, c):
        (r, z, n), (hr, hz, hn) = read.chunk(3, -1), F.linear(h, u, c).chunk(3, -1)
        r, z = torch.sigmoid(r + hr), torch.sigmoid(z + hz)
        n = torch.tanh(n + r * hn)
        return (1 - z) * n + z * h


class nn_LSTM(_Recurrent):
    gates = 4

    def begin(self, x, hx, layer):
        h, c = (None, None) if hx is None else hx
        return self.start(x, h, layer), self.start(x, c, layer)

    def step(self, read, state, u, c):
        i, f, g, o = (read + F.linear(state[0], u, c)).chunk(4, -1)
        cell = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(cell), cell

    def visible(self, state):
        return state[0]

    def ended(self, last):
        return torch.stack([h for h, _ in last]), torch.stack([c for _, c in last])


class _Cell(nn.Module):
    gates = 1

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None):
        super().__init__()
        self.hidden_size, self.nonlinearity = hidden_size, nonlinearity
        bound, rows = hidden_size**-0.5, self.gates * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(rows).uniform_(-bound, bound)) if bias else None
        self.bias_hh = nn.Parameter(torch.empty(rows).uniform_(-bound, bound)) if bias else None

    def forward(self, input, hx=None):
        zero = input.new_zeros(input.shape[0], self.hidden_size)
        hx = self.nothing(zero) if hx is None else hx
        return self.step(F.linear(input, self.weight_ih, self.bias_ih), hx, self.weight_hh, self.bias_hh)

    def nothing(self, zero):
        return zero


class nn_RNNCell(_Cell):
    def step(self, read, h, u, c):
        return nn_RNN.step(self, read, h, u, c)


class nn_GRUCell(_Cell):
    gates = 3

    def step(self, read, h, u, c):
        return nn_GRU.step(self, read, h, u, c)


class nn_LSTMCell(_Cell):
    gates = 4

    def step(self, read, state, u, c):
        return nn_LSTM.step(self, read, state, u, c)

    def nothing(self, zero):
        return zero, zero


class nn_MultiheadAttention(nn.Module):
    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False, kdim=None,
                 vdim=None, batch_first=False, device=None, dtype=None):
        super().__init__()
        if add_bias_kv or add_zero_attn or kdim not in (None, embed_dim) or vdim not in (None, embed_dim):
            raise NotImplementedError("add_bias_kv, add_zero_attn, kdim and vdim are not supported")
        self.embed_dim, self.num_heads, self.batch_first = embed_dim, num_heads, batch_first
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * embed_dim, embed_dim)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * embed_dim)) if bias else None
        self.out_proj = nn.Linear(embed_dim, embed_dim, bias=bias)
        if bias:
            nn.init.zeros_(self.out_proj.bias)

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
                average_attn_weights=True, is_causal=False):
        if is_causal and attn_mask is None:
            raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
        if not self.batch_first:
            query, key, value = [x.transpose(0, 1) for x in (query, key, value)]
        weights = self.in_proj_weight.chunk(3)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        q, k, v = [
            F.linear(x, w, b).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for x, w, b in zip((query, key, value), weights, biases)
        ]
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        for mask, shape in ((attn_mask, None), (key_padding_mask, (query.shape[0], 1, 1, key.shape[1]))):
            if mask is None:
                continue
            if shape is not None:
                mask = mask.view(shape)
            elif mask.dim() == 3:
                mask = mask.view(-1, self.num_heads, *mask.shape[1:])
            scores = scores.masked_fill(mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
        weights = scores.softmax(-1)
        out = self.out_proj((weights @ v).transpose(1, 2).flatten(2))
        out = out if self.batch_first else out.transpose(0, 1)
        if not need_weights:
            return out, None
        return out, weights.mean(1) if average_attn_weights else weights


def _pair(x):
    return (x, x) if isinstance(x, int) else tuple(x)


def F_conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """A sum over the taps of the kernel, each a product of channels at one offset."""
    (sh, sw), (dh, dw), (kh, kw) = _pair(stride), _pair(dilation), weight.shape[2:]
    if isinstance(padding, str):
        h, w = (dh * (kh - 1), dw * (kw - 1)) if padding == "same" else (0, 0)
        pads = (w // 2, w - w // 2, h // 2, h - h // 2)
    else:
        h, w = _pair(padding)
        pads = (w, w, h, h)
    x = F.pad(input, pads)
    rows, columns = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1, (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    x = x.unflatten(1, (groups, -1))
    kernel = weight.unflatten(0, (groups, -1))
    total = 0.0
    for i in range(kh):
        for j in range(kw):
            part = x[..., i * dh : i * dh + (rows - 1) * sh + 1 : sh, j * dw : j * dw + (columns - 1) * sw + 1 : sw]
            total = total + torch.einsum("bgchw,goc->bgohw", part, kernel[..., i, j])
    y = total.flatten(1, 2)
    return y if bias is None else y + bias.view(-1, 1, 1)


class nn_Conv2d(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 padding_mode="zeros", device=None, dtype=None):
        super().__init__()
        if padding_mode != "zeros":
            raise NotImplementedError("padding_mode other than zeros is not supported")
        kh, kw = _pair(kernel_size)
        bound = (in_channels // groups * kh * kw) ** -0.5
        self.options = (stride, padding, dilation, groups)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, kh, kw).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound)) if bias else None

    def forward(self, input):
        return F_conv2d(input, self.weight, self.bias, *self.options)
