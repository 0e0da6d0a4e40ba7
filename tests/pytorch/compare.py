"""Compare `move37 forward --grad` with PyTorch: same text, same weights, same input, two sizes.

    python tests/pytorch/compare.py MOVE37 [FILE.py ..]        (needs torch, einops, safetensors)

Without files it takes every layer program of the repository. PyTorch computes in double precision from single-precision
weights, which travel by file as `state_dict` names them; noise on the initial weights keeps zeros from hiding anything.
Differences are relative: of the output to its root mean square, of a gradient to its norm. Prints a line for each program
and size, and ends with 1 if one is apart by more than 1e-4.
"""

import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
CANDIDATE = ROOT / "shared/candidate"
SINGLE = torch.float32
sys.path.insert(0, str(CANDIDATE / "tests/candidate/reference"))

from layers import SIZES, layer  # noqa: E402

TOLERANCE = 1e-4


def programs():
    return sorted([*(CANDIDATE / "seeds").glob("*.py"), *(CANDIDATE / "tests/candidate/programs").glob("*.py")])


def single(tensor):
    tensor = tensor.detach().clone().contiguous()
    return tensor.to(SINGLE) if tensor.is_floating_point() else tensor


def travelling(function, *arguments):
    """Read or write a file while single precision has its name; layers.py lets it mean double."""
    double, torch.float, torch.float32 = torch.float32, SINGLE, SINGLE
    try:
        return function(*arguments)
    finally:
        torch.float = torch.float32 = double


def first(y):
    while isinstance(y, (tuple, list, dict)):
        y = next(iter(y.values())) if isinstance(y, dict) else y[0]
    return y


def compare(move37, path, folder, batch, time, width, heads):
    """The largest relative differences of output and gradients, and the name of the worst gradient."""
    torch.manual_seed(37)
    net = layer(path, width, heads)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05 * torch.randn_like(p))
        state = {n: single(t) for n, t in net.state_dict().items()}
        net.load_state_dict(state)  # the weights as they are in the file
    x = single(torch.randn(batch, time, width))
    cotangent = single(torch.randn(batch, time, width))
    weights, given, out = (folder / f"{n}.safetensors" for n in ("w", "x", "y"))
    travelling(save_file, state, weights)
    travelling(save_file, {"input": x, "cotangent": cotangent}, given)
    command = [move37, "forward", path, "--weights", weights, "--input", given, "--out", out, "--grad", "--heads", heads]
    ran = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(" ".join((ran.stdout + ran.stderr).split()))
    ours = {n: t.double() for n, t in travelling(load_file, out).items()}
    y = first(net(x.double()))
    (y * cotangent.double()).sum().backward()
    output = ((ours["output"] - y).abs().max() / y.square().mean().sqrt()).item()
    trained = {n: p for n, p in net.named_parameters() if p.requires_grad}
    if {f"grad/{n}" for n in trained} != ours.keys() - {"output"}:
        raise RuntimeError(f"gradients {sorted(ours)} are not those of {sorted(trained)}")
    worst, name = 0.0, "-"
    # A gradient that is nothing but rounding is measured by what the others are.
    floor = 1e-3 * max([p.grad.norm().item() for p in trained.values() if p.grad is not None] or [0.0])
    for n, p in trained.items():
        known = torch.zeros_like(p) if p.grad is None else p.grad
        apart = ((ours[f"grad/{n}"] - known).norm() / max(known.norm().item(), floor, 1e-12)).item()
        if not apart <= worst:
            worst, name = apart, n
    return output, worst, name


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    move37 = sys.argv[1]
    paths = [pathlib.Path(p) for p in sys.argv[2:]] or programs()
    failed = 0
    print(f"{'program':28} {'size':10} {'output':>8} {'gradient':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            for size, sizes in SIZES.items():
                try:
                    output, gradient, name = compare(move37, path, pathlib.Path(folder), *sizes)
                except Exception as error:  # the table says what happened to each
                    failed += 1
                    print(f"{path.stem:28} {size:10} FAILED: {error}")
                    continue
                good = output <= TOLERANCE and gradient <= TOLERANCE
                failed += not good
                print(f"{path.stem:28} {size:10} {output:8.1e} {gradient:9.1e}{'' if good else f'  FAILED ({name})'}")
    print(f"{len(paths)} programs, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
