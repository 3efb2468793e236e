"""Small recordings and settings that stand in no params.yaml."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.frames import FrameFile, Integrate
from pipeline.config.splits import NumericSplit
from pipeline.events import aedat2
from pipeline.events.types import events_from
from pipeline.frames.build import build
from pipeline.frames.built import Built


def settings(**changes: Any) -> Integrate:
    """Return settings for recordings of 16 x 16 px, the first six of each class for training."""
    made = {
        "layout": "classes", "orientation": {}, "steps": 4, "sensor": [16, 16], "extent": "sensor",
        "frame_size": [8, 8], "slice_by": "number", "resize": "bin", "clip": False, "bad_recordings": "fail",
        "split": NumericSplit(rule="numeric", train=6), "validation": None,
    }  # fmt: skip
    return Integrate(**made | changes)


def recordings(root: Path, per_class: int = 9, events: int = 300) -> Path:
    """Write recordings of random events, two classes of them."""
    rng = np.random.default_rng(0)
    for name in ("b", "a"):
        (root / name).mkdir(parents=True)
        for index in range(per_class):
            x, y = rng.integers(0, 16, (2, events))
            made = events_from(np.sort(rng.integers(0, 9999, events)), x, y, rng.random(events) < 0.5)
            aedat2.write(root / name / f"{name}_{index}.aedat", made)
    return root


def build_one(root: Path, path: Path, dataset: str, chosen: Integrate, workers: int) -> Built:
    """Build the default file alone and move it to `path`."""
    folder = path.parent / f"{path.name}.folder"
    built = build(root, folder, dataset, chosen, [], workers)
    (folder / chosen.file.name).replace(path)
    shutil.rmtree(folder)
    return built


def wanted_file(steps: int, size: tuple[int, int] = (8, 8), slice_by: Any = "number") -> FrameFile:
    return FrameFile(steps=steps, frame_size=list(size), slice_by=slice_by)
