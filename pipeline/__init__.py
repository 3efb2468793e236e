"""Low-latency event-based recognition with Hybrid Step-wise Distillation spiking networks.

Data flows one way: events -> frames -> nets -> training -> evaluation -> report; what was trained is used by inference.
Nothing below it but `__main__` reads the command line; only `pipeline.config.catalogues` reads params.yaml and params/.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.inference.model import load_model

__all__ = ["load_model"]


def __getattr__(name: str) -> Any:
    # When it is asked for, and not before: it brings torch, which most of the package does without.
    if name == "load_model":
        from pipeline.inference.model import load_model

        return load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
