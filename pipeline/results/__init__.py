"""What runs leave behind: paths, writing, reading, and `load(grid)`, a pandas DataFrame; no torch.

`load` is looked up when it is asked for. Imported here, it would make every run's code digest depend on the table.
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name == "load":
        return importlib.import_module("pipeline.results.table").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
