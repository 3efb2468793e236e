"""Low-latency event-based recognition with Hybrid Step-wise Distillation spiking networks.

Data flows one way: events -> frames -> nets -> training -> evaluation -> report; what was trained is used by inference.
Nothing below it but `__main__` reads the command line; only `pipeline.config.catalogues` reads params.yaml and params/.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.inference.model import load_model

__all__ = ["load_model"]


def __getattr__(name: str) -> Any:
    # When it is asked for, and not before: it brings torch, which most of the package does without. Not by an import
    # statement, for the digests of all runs follow those of this file.
    if name in __all__:
        return getattr(import_module("pipeline.inference.model"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
