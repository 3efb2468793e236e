"""Stand-ins for imports that nothing measured touches.

`spikingjelly.datasets` imports torchvision and torchaudio, whose extensions do not load beside a torch of another build
(CPU-only, say). While it is imported, empty modules of their names stand in where the real ones do not import.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

# What is imported from each, and must exist: submodules, classes to derive from, functions.
SUBMODULES = {
    "torchvision": ("transforms", "datasets", "datasets.utils"),
    "torchaudio": (),
}
CLASSES = {"torchvision.datasets": ("DatasetFolder",)}
FUNCTIONS = {"torchvision.datasets.utils": ("check_integrity", "download_url", "extract_archive", "verify_str_arg")}


@contextmanager
def standing_in(*names: str) -> Iterator[list[str]]:
    """Let stand-ins take the place of the named packages inside this block, of those that do not import; give which."""
    missing = [name for name in names if not _imports(name)]
    for name in missing:
        sys.modules.update(_modules(name))
    try:
        yield missing
    finally:
        for name in missing:
            _forget(name)


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception:  # what an extension of another build raises is not of one kind
        _forget(name)
        return False
    return True


def _forget(name: str) -> None:
    for loaded in [loaded for loaded in sys.modules if loaded.split(".")[0] == name]:
        del sys.modules[loaded]


def _modules(package: str) -> dict[str, ModuleType]:
    names = [package, *(f"{package}.{child}" for child in SUBMODULES.get(package, ()))]
    modules = {name: ModuleType(name) for name in names}
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, module)
        for made in CLASSES.get(name, ()):
            setattr(module, made, type(made, (), {}))
        for function in FUNCTIONS.get(name, ()):
            setattr(module, function, _refuse)
    return modules


def _refuse(*_: Any, **__: Any) -> None:
    raise NotImplementedError("a stand-in, which nothing that is measured may call")
