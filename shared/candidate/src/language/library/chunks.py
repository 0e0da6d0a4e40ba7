"""What chunkwise kernels share: cutting sequences into chunks, decays within a chunk, triangular inverses."""

def _chunks(x, size):
    """[B, T, H, D] -> [B, H, N, C, D]; the last chunk is filled up with zeros."""
    batch, length, heads, dim = x.shape
    x = F.pad(x.transpose(1, 2), (0, 0, 0, -length % size))
    return x.reshape(batch, heads, -1, size, dim)


def _joined(outputs, length):
    """N times [B, H, C, D] -> [B, T, H, D]."""
    y = torch.cat(outputs, dim=2)[:, :, :length]
    return y.transpose(1, 2)


def _unit_lower_inverse(lower):
    """(I + lower)^-1 of strictly lower triangular [.., C, C], C a power of 2: the inverse of [[A, 0], [B, D]] is
    [[A^-1, 0], [-D^-1 B A^-1, D^-1]]."""
    index = torch.arange(lower.shape[-1], device=lower.device)
    inverse = torch.eye(lower.shape[-1], device=lower.device, dtype=lower.dtype)
    size = 1
    while size < lower.shape[-1]:
        row, column = index[:, None] // size, index[None, :] // size
        corner = lower.masked_fill((row % 2 == 0) | (column != row - 1), 0.0)
        inverse = inverse - (corner if size == 1 else inverse @ corner @ inverse)
        size = 2 * size
    return inverse


def _decays(g):
    """g [.., C]: running log decays. exp(g_i - g_j) for j <= i, else 0."""
    future = torch.ones(g.shape[-1], g.shape[-1], dtype=torch.bool, device=g.device).triu(1)
    return (g[..., :, None] - g[..., None, :]).masked_fill(future, float("-inf")).exp()


def _start(initial_state, k, v):
    if initial_state is not None:
        return initial_state
    return torch.zeros(k.shape[0], k.shape[1], k.shape[-1], v.shape[-1], device=k.device, dtype=k.dtype)
