"""What this machine has: device, precision, worker processes. From the environment, never from params.yaml.

Two machines then share one dvc.lock; what was used is written to each run's own record instead.

    HSD_DEVICE     auto (default: cuda where there is one) | cpu | cuda | cuda:<n>
    HSD_PRECISION  auto (default: bf16 where the hardware multiplies it) | fp32 | bf16 | int8 (on a CPU, of a network
                   that is used and not trained: pipeline.nets.int8)
    HSD_WORKERS    worker processes for simulation and integration (default: all cores)
    HSD_THREADS    threads of a training (default: OMP_NUM_THREADS, or the cores that this process may use); sums are
                   added in another order with another number of them, so that weights differ in their last bits
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError
from pipeline.runtime.memory import keep_freed_memory

if TYPE_CHECKING:
    import torch


def workers() -> int:
    """Say how many worker processes to use."""
    available = getattr(os, "sched_getaffinity", None)
    return _count("HSD_WORKERS") or (len(available(0)) if available else os.cpu_count() or 1)


def _count(name: str) -> int | None:
    """Return a number of the environment, or None where it is not set."""
    text = os.environ.get(name, "")
    if text and (not text.isdecimal() or int(text) < 1):
        raise ConfigError(f"{name}: expected a whole number of at least 1, found {text!r}")
    return int(text) if text else None


@dataclass(frozen=True)
class Hardware:
    """The device that computes and what its convolutions multiply (`precision`: "bf16", "fp32" or "int8")."""

    device: torch.device
    precision: str

    def autocast(self) -> Any:
        """Give the context in which forward passes run; neurons and losses keep themselves in float32."""
        import torch

        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    @property
    def dtype(self) -> torch.dtype:
        """What convolutions multiply."""
        import torch

        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def describe(self) -> dict[str, Any]:
        """Say what computes, for a run's record."""
        import torch

        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else platform.machine()
        return {
            "device": self.device.type,
            "device_name": name,
            "precision": self.precision,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        }


def hardware(trains: bool = True) -> Hardware:
    """Choose device and precision from the environment and make computation repeatable.

    Args:
        trains: whether a network is trained, or tested for the report: that is done in bf16 or fp32.

    Raises:
        ConfigError: an environment variable asks for what does not exist.
    """
    # Must stand before the first cuBLAS call: its default workspace makes results vary from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    wanted = os.environ.get("HSD_DEVICE", "auto")
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ConfigError(f"HSD_DEVICE: expected auto, cpu or cuda, found {wanted!r}") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"HSD_DEVICE: expected auto, cpu or cuda, found {wanted!r}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"HSD_DEVICE asks for {wanted}, but this torch sees {torch.cuda.device_count()} CUDA devices; "
            "set it to cpu or auto"
        )

    precision = os.environ.get("HSD_PRECISION", "auto")
    if precision == "auto":
        precision = "bf16" if _multiplies_bf16(device) else "fp32"
    if precision not in ("bf16", "fp32", "int8"):
        raise ConfigError(f"HSD_PRECISION: expected auto, fp32, bf16 or int8, found {precision!r}")
    if precision == "int8" and (trains or device.type != "cpu"):
        raise ConfigError(
            "HSD_PRECISION: int8 is for a network that is used on a CPU (classify, stream, show), not for training or "
            f"for {device.type}; set it to auto"
        )

    if threads := _count("HSD_THREADS"):
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # On by default with the above: writes NaN into every new tensor, a third of a training step on a CPU.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    if device.type == "cpu":
        keep_freed_memory()
    return Hardware(device, precision)


def _multiplies_bf16(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
