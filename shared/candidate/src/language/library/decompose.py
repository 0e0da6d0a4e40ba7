"""Decompositions of matrices, by reflections."""


def linalg_qr(A, mode="reduced"):
    """A [.., M, N] = Q R by Householder's reflections, with LAPACK's signs: every one turns its column to the other side."""
    m, n = A.shape[-2:]
    steps = min(m - 1, n)
    r, q = A, torch.eye(m).expand(*A.shape[:-2], m, m)
    index = torch.arange(m)
    for i in range(steps):
        column = torch.where(index >= i, r[..., i], torch.zeros_like(r[..., i]))
        first = column[..., i : i + 1]
        size = column.square().sum(-1, keepdim=True).sqrt()
        turned = torch.where(first < 0, size, -size)
        v = torch.where(index == i, column - turned, column)
        scale = 2 / v.square().sum(-1, keepdim=True)
        r = r - (scale * v).unsqueeze(-1) * (v.unsqueeze(-2) @ r)
        q = q - (q @ v.unsqueeze(-1)) * (scale * v).unsqueeze(-2)
    if mode == "r":
        return None, r.triu()[..., :n, :]
    k = m if mode == "complete" else min(m, n)
    return q[..., :k], r.triu()[..., :k, :]


def torch_qr(input, some=True):
    return linalg_qr(input, "reduced" if some else "complete")
