"""Stand-ins for the paper's data sets: a few random recordings in each set's own format and folder layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.events import aedat2, aedat3, atis
from pipeline.events.published import DATASETS
from pipeline.events.types import events_from

GESTURES = 12  # rows of a label file: eleven classes, one of them twice
WINDOW_US = 5000
TRIALS = {"train": ["user01_lab", "user02_natural"], "test": ["user24_led"]}


def events(rng: np.random.Generator, height: int, width: int, count: int = 400, end: int = 300_000, start: int = 0):
    """Draw events all over a sensor, one in each far corner, so that its size can be told from them."""
    x, y = rng.integers(0, width, count), rng.integers(0, height, count)
    x[-1], y[-1] = width - 1, height - 1
    return events_from(np.sort(rng.integers(start, end, count)), x, y, rng.random(count) < 0.5)


def cifar10dvs(root: Path) -> None:
    """Ten class folders of AEDAT 2.0: two recordings for training, one for the test."""
    rng = np.random.default_rng(1)
    for name in DATASETS["cifar10dvs"].classes:
        (root / name).mkdir(parents=True)
        for index in (0, 899, 900):
            aedat2.write(root / name / f"cifar10_{name}_{index}.aedat", events(rng, 128, 128))


def ncaltech101(root: Path) -> None:
    """101 class folders of ATIS files, each recording with a size of its own: one for training, one for the test."""
    rng = np.random.default_rng(2)
    for name in DATASETS["ncaltech101"].classes:
        (root / name).mkdir(parents=True)
        for index in (1, 2):
            height, width = rng.integers(120, 181), rng.integers(150, 241)
            atis.write(root / name / f"image_{index:04}.bin", events(rng, int(height), int(width), 200))


def dvsgesture(root: Path) -> None:
    """AEDAT 3.1 recordings of twelve gestures with label files and trial lists."""
    rng = np.random.default_rng(3)
    root.mkdir(parents=True)
    for side, stems in TRIALS.items():
        (root / f"trials_to_{side}.txt").write_text("".join(f"{stem}.aedat\n" for stem in stems))
        for stem in stems:
            # Gaps between the gestures, with events that belong to none.
            aedat3.write(root / f"{stem}.aedat", events(rng, 128, 128, 6000, 2 * GESTURES * WINDOW_US))
            rows = [
                f"{min(row, 10) + 1},{2 * row * WINDOW_US},{(2 * row + 1) * WINDOW_US}\n" for row in range(GESTURES)
            ]
            (root / f"{stem}_labels.csv").write_text("class,startTime_usec,endTime_usec\n" + "".join(rows))


def nmnist(root: Path) -> None:
    """Train and Test folders of ten digits, ATIS files."""
    rng = np.random.default_rng(4)
    for side, count in (("Train", 2), ("Test", 1)):
        for number in range(10 * count):
            folder = root / side / str(number % 10)
            folder.mkdir(parents=True, exist_ok=True)
            atis.write(folder / f"{number + 1:05}.bin", events(rng, 34, 34, 100))


WRITERS = {"cifar10dvs": cifar10dvs, "ncaltech101": ncaltech101, "dvsgesture": dvsgesture, "nmnist": nmnist}
