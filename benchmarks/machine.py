"""What was measured on, and with which versions; no host's name."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

PACKAGES = ("torch", "spikingjelly", "tonic", "numpy", "h5py", "hdf5plugin", "dvc")


def describe(device: str) -> dict[str, Any]:
    """Describe processor, memory, threads, accelerator and versions, JSON-able."""
    facts: dict[str, Any] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "bf16": bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()),
        "versions": versions(),
        "device": device,
    }
    if device.startswith("cuda"):
        facts |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
    return facts


def versions() -> dict[str, str]:
    """Give the versions of what is measured, of those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def load(seconds: float = 0.5) -> float:
    """Give how many cores compute while this process waits: others' work, which a timing beside it would show."""
    return psutil.cpu_percent(interval=seconds) / 100 * psutil.cpu_count()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        text = info.read_text(encoding="utf-8")
        fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
        if "model name" in fields:
            family = f", family {fields['cpu family']} model {fields['model']}" if "cpu family" in fields else ""
            return fields["model name"] + family
    return platform.processor() or platform.machine()


def torch_defaults() -> None:
    """Take back what the pipeline sets for repeatable runs, so that a peer runs with torch's own settings."""
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = True
