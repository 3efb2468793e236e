"""Recordings and frames to measure on, made from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.events import aedat2, aedat3, atis
from pipeline.events.types import Events, events_from

# By format: its suffix, its writer and its set's sensor (height, width, px): CIFAR10-DVS, DVS128 Gesture, N-Caltech101.
FORMATS = {
    "AEDAT 2.0": (".aedat", aedat2.write, (128, 128)),
    "AEDAT 3.1": (".aedat", aedat3.write, (128, 128)),
    "ATIS": (".bin", atis.write, (180, 240)),
}
DURATION_US = 1_300_000
# Share of events anywhere on the sensor; the others lie about a blob that moves round it.
NOISE = 0.2


def moving_blob(count: int, sensor: tuple[int, int], seed: int) -> Events:
    """Make `count` events of a blob that moves in a circle, with noise, over a sensor (height, width, px)."""
    rng = np.random.default_rng(seed)
    height, width = sensor
    t = np.sort(rng.integers(0, DURATION_US, count))
    angle = 2 * np.pi * t / DURATION_US
    noise = rng.random(count) < NOISE
    columns, rows = (
        np.where(
            noise,
            rng.integers(0, side, count),
            np.clip(side / 2 + side / 4 * wave + rng.normal(0, side / 12, count), 0, side - 1),
        ).astype(np.int64)
        for side, wave in ((width, np.cos(angle)), (height, np.sin(angle)))
    )
    return events_from(t, columns, rows, rng.random(count) < 1 / 2)


def write_recording(folder: Path, form: str, count: int, seed: int) -> tuple[Path, tuple[int, int]]:
    """Write a recording in a format of FORMATS with the pipeline's writer; give its path and sensor."""
    suffix, write, sensor = FORMATS[form]
    path = folder / f"{form.lower().replace(' ', '_')}{suffix}"
    write(path, moving_blob(count, sensor, seed))
    return path, sensor


def random_frames(count: int, steps: int, size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """Make counts uint8 [N, T, 2, H, W] of mean 0.3: sparse, as frames of 48 px are."""
    rng = np.random.default_rng(seed)
    return rng.poisson(0.3, (count, steps, 2, *size)).astype(np.uint8)


def random_labels(count: int, classes: int, seed: int) -> Tensor:
    """Make labels int64 [N]."""
    return torch.from_numpy(np.random.default_rng(seed).integers(0, classes, count))
