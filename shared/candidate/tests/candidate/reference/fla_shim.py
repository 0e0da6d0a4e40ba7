"""Offer the candidate language's library texts as the packages `fla` and `transformers`."""

import importlib.abc
import importlib.machinery
import pathlib
import re
import sys

folder = pathlib.Path(__file__).parents[3] / "src/language/library"
parts = re.findall(r'include_str!\("([a-z_]+\.py)"\)', (folder / "mod.rs").read_text())
names = {}
for part in parts:
    exec(compile((folder / part).read_text(), part, "exec"), names)


class _Logging:
    """`transformers.utils.logging`: says nothing."""

    def __getattr__(self, name):
        return lambda *args, **kwargs: self


names["logging"] = _Logging()


class Library(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Every path below the two names is a module that has everything."""

    def find_spec(self, path, target_path=None, target=None):
        if path.split(".")[0] in ("fla", "transformers"):
            return importlib.machinery.ModuleSpec(path, self, is_package=True)
        return None

    def exec_module(self, module):
        module.__dict__.update({k: v for k, v in names.items() if not k.startswith("__")})


sys.meta_path.insert(0, Library())
