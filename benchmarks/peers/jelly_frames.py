"""SpikingJelly: its readers, its integration, its frames files."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.stand_ins import standing_in

with standing_in("torchvision", "torchaudio") as STOOD_IN:
    utils = importlib.import_module("spikingjelly.datasets.utils")
    cifar10_dvs = importlib.import_module("spikingjelly.datasets.cifar10_dvs")

NOTE = f"{' and '.join(STOOD_IN)} stood in for while spikingjelly.datasets was imported" if STOOD_IN else ""
# What CIFAR10-DVS needs to be turned back by: SpikingJelly's reader swaps and mirrors axes and inverts the polarity.
TURNS = {"AEDAT 2.0": ("transpose", "flip_x", "flip_y", "invert"), "AEDAT 3.1": (), "ATIS": ()}


def read(path: Path, form: str) -> dict[str, NDArray[Any]]:
    """Read a recording with the function that SpikingJelly's data set of this format calls."""
    if form == "AEDAT 2.0":
        # Its public way here also writes an npz; this is the reading alone.
        return cifar10_dvs._load_origin_data(path)
    return {"AEDAT 3.1": utils.load_aedat_v3, "ATIS": utils.load_ATIS_bin}[form](path)


def frames(path: Path, form: str, steps: int, sensor: tuple[int, int]) -> NDArray[np.float64]:
    """Read a recording and integrate it: float64 [T, 2, H, W], in SpikingJelly's axes."""
    return utils.integrate_events_by_fixed_frames_number(read(path, form), "number", steps, *sensor)


def save(path: Path, counts: NDArray[Any]) -> None:
    """Write a frames file as SpikingJelly does by default: float64, compressed npz."""
    utils.np_savez(path, frames=counts.astype(np.float64))


def load(path: Path) -> NDArray[np.float32]:
    """Read a frames file: float32 [T, 2, H, W]."""
    return utils.load_npz_frames(path)
