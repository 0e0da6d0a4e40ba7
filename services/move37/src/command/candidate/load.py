"""Load this layer into PyTorch: `from load import load`, or `python load.py` to run it on random input.

Needs torch and safetensors, and whatever layer.py imports.
"""

import importlib.util
import json
import pathlib
import sys

import torch
from safetensors.torch import load_file

FOLDER = pathlib.Path(__file__).resolve().parent
CONFIG = json.loads((FOLDER / "config.json").read_text())


def load(block=0):
    """The layer of one block of the model; with its trained weights, where they were exported."""
    spec = importlib.util.spec_from_file_location("layer", FOLDER / "layer.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["layer"] = module
    spec.loader.exec_module(module)
    arguments = dict(CONFIG["arguments"])
    if configuration := CONFIG["configuration"]:
        kind = getattr(module, configuration["class"])
        arguments[configuration["parameter"]] = kind(**configuration["fields"])
    layer = getattr(module, CONFIG["class"])(**arguments)
    weights = FOLDER / "model.safetensors"
    if weights.exists():
        prefix = f"layers.{block}.mixer."
        names = load_file(weights)
        state = {name[len(prefix) :]: tensor for name, tensor in names.items() if name.startswith(prefix)}
        layer.load_state_dict(state, strict=not CONFIG["computed"])
    return layer.eval()


def main():
    torch.manual_seed(0)
    layer = load()
    x = torch.randn(2, CONFIG["task"]["sequence"], CONFIG["model"]["d_model"])
    with torch.no_grad():
        y = layer(x)
    while isinstance(y, (tuple, list, dict)):
        y = next(iter(y.values())) if isinstance(y, dict) else y[0]
    assert y.shape == x.shape, y.shape
    parameters = sum(p.numel() for p in layer.parameters() if p.requires_grad)
    print(f"{CONFIG['class']}: {parameters} parameters, {list(x.shape)} to {list(y.shape)}, norm {y.norm():.6g}")


if __name__ == "__main__":
    main()
