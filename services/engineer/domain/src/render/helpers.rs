//! The functions that a rendered program may need, as text.

/// Depthwise causal convolution.
pub const CAUSAL_FILTER: &str = r#"
def causal_filter(x, weight):
    """Depthwise causal convolution: x [B, T, C], weight [C, 1, K] -> [B, T, C]."""
    x = F.pad(x.transpose(1, 2), (weight.shape[-1] - 1, 0))
    return F.conv1d(x, weight, groups=weight.shape[0]).transpose(1, 2)
"#;

/// Length of a chunk of the chunkwise forms.
pub const CHUNK: &str = "CHUNK = 32\n";

/// Chunks, and back.
pub const CHUNKS: &str = r#"
def split_chunks(x):
    """[B, H, T, D] -> [B, H, N, C, D]; the last chunk is filled up with zeros."""
    x = F.pad(x, (0, 0, 0, -x.shape[2] % CHUNK))
    return rearrange(x, "b h (n c) d -> b h n c d", c=CHUNK)


def merge_chunks(chunks, length):
    """N times [B, H, C, D] -> [B, H, T, D]."""
    return rearrange(torch.stack(chunks, dim=2), "b h n c d -> b h (n c) d")[:, :, :length]
"#;

/// The inverse that makes the delta rule chunkwise. By blocks, not by powers of the matrix: those of repeated keys
/// grow like binomials, and their sum would lose every digit.
pub const UNIT_LOWER_INVERSE: &str = r#"
def unit_lower_inverse(lower):
    """(I + lower)^-1 of strictly lower triangular [..., C, C], from blocks of size 1 up to C:
    the inverse of [[A, 0], [B, D]] is [[A^-1, 0], [-D^-1 B A^-1, D^-1]].
    """
    index = torch.arange(CHUNK, device=lower.device)
    inverse = torch.eye(CHUNK, device=lower.device, dtype=lower.dtype)
    size = 1
    while size < CHUNK:
        row, column = index[:, None] // size, index[None, :] // size
        corner = lower.masked_fill((row % 2 == 0) | (column != row - 1), 0.0)
        inverse = inverse - (corner if size == 1 else inverse @ corner @ inverse)
        size = 2 * size
    return inverse
"#;

/// The delta rule without decay.
pub const DELTA_RULE: &str = r#"
def delta_rule(q, k, v, beta):
    """S <- S (I - beta k k^T) + beta v k^T, read by q; q, k, v: [B, H, T, D], beta: [B, H, T, 1]."""
    batch, heads, length, dim = q.shape
    q, k, v, beta = [split_chunks(x) for x in (q, k, v, beta)]
    scores = (q @ k.transpose(-1, -2)).tril()
    inverse = unit_lower_inverse((beta * k @ k.transpose(-1, -2)).tril(-1))
    values = inverse @ (beta * v)
    erased = inverse @ (beta * k)
    state = torch.zeros(batch, heads, dim, dim, device=q.device, dtype=q.dtype)
    outputs = []
    for i in range(q.shape[2]):
        written = values[:, :, i] - erased[:, :, i] @ state
        outputs.append(q[:, :, i] @ state + scores[:, :, i] @ written)
        state = state + k[:, :, i].transpose(-1, -2) @ written
    return merge_chunks(outputs, length)
"#;

/// The delta rule with decay.
pub const DECAYED_DELTA_RULE: &str = r#"
def delta_rule(q, k, v, beta, log_decay):
    """S <- a S (I - beta k k^T) + beta v k^T, read by q; q, k, v: [B, H, T, D], beta, log a: [B, H, T, 1]."""
    batch, heads, length, dim = q.shape
    q, k, v, beta, log_decay = [split_chunks(x) for x in (q, k, v, beta, log_decay)]
    total = log_decay.cumsum(dim=3)
    last = total[:, :, :, -1:]
    decay = (total - total.transpose(-1, -2)).tril().exp()
    scores = (q @ k.transpose(-1, -2) * decay).tril()
    inverse = unit_lower_inverse((beta * k @ k.transpose(-1, -2) * decay).tril(-1))
    values = inverse @ (beta * v)
    erased = inverse @ (beta * k * total.exp())
    q, k, last = q * total.exp(), k * (last - total).exp(), last.exp()
    state = torch.zeros(batch, heads, dim, dim, device=q.device, dtype=q.dtype)
    outputs = []
    for i in range(q.shape[2]):
        written = values[:, :, i] - erased[:, :, i] @ state
        outputs.append(q[:, :, i] @ state + scores[:, :, i] @ written)
        state = state * last[:, :, i] + k[:, :, i].transpose(-1, -2) @ written
    return merge_chunks(outputs, length)
"#;

/// Linear attention without decay.
pub const LINEAR_ATTENTION: &str = r#"
def linear_attention(q, k, v):
    """S <- S + v k^T, read by q; q, k, v: [B, H, T, D]."""
    batch, heads, length, dim = q.shape
    q, k, v = [split_chunks(x) for x in (q, k, v)]
    scores = (q @ k.transpose(-1, -2)).tril()
    local, written = scores @ v, k.transpose(-1, -2) @ v
    state = torch.zeros(batch, heads, dim, dim, device=q.device, dtype=q.dtype)
    outputs = []
    for i in range(q.shape[2]):
        outputs.append(q[:, :, i] @ state + local[:, :, i])
        state = state + written[:, :, i]
    return merge_chunks(outputs, length)
"#;

/// Linear attention with decay.
pub const DECAYED_LINEAR_ATTENTION: &str = r#"
def linear_attention(q, k, v, log_decay):
    """S <- a S + v k^T, read by q; q, k, v: [B, H, T, D], log a: [B, H, T, 1]."""
    batch, heads, length, dim = q.shape
    q, k, v, log_decay = [split_chunks(x) for x in (q, k, v, log_decay)]
    total = log_decay.cumsum(dim=3)
    last = total[:, :, :, -1:]
    decay = (total - total.transpose(-1, -2)).tril().exp()
    scores = (q @ k.transpose(-1, -2) * decay).tril()
    q, k, last = q * total.exp(), k * (last - total).exp(), last.exp()
    local, written = scores @ v, k.transpose(-1, -2) @ v
    state = torch.zeros(batch, heads, dim, dim, device=q.device, dtype=q.dtype)
    outputs = []
    for i in range(q.shape[2]):
        outputs.append(q[:, :, i] @ state + local[:, :, i])
        state = state * last[:, :, i] + written[:, :, i]
    return merge_chunks(outputs, length)
"#;

/// Causal softmax attention.
pub const ATTENTION: &str = r#"
def attention(q, k, v):
    """Each position reads itself and the ones before it; q, k, v: [B, H, T, D]."""
    later = torch.ones(q.shape[2], q.shape[2], device=q.device, dtype=torch.bool).triu(1)
    scores = (q @ k.transpose(-1, -2)).masked_fill(later, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v
"#;
