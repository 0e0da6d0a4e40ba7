"""Offer the candidate language's library text as the package `fla`."""

import pathlib
import re
import sys
import types

source = pathlib.Path(__file__).parents[3] / "src/language/library"
paths = re.findall(r'"(fla[a-z0-9_.]*)",', (source / "mod.rs").read_text())
library = types.ModuleType("fla")
exec(compile((source / "fla.py").read_text(), "fla.py", "exec"), library.__dict__)
for path in paths:
    module = types.ModuleType(path)
    module.__dict__.update({k: v for k, v in library.__dict__.items() if not k.startswith("__")})
    module.__path__ = []
    sys.modules[path] = module
