"""A few recordings of a frames file, to be looked at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from pipeline.errors import FramesError

TRAIN = 0
AGAIN = "`dvc repro` makes it again"


@dataclass(frozen=True)
class Recording:
    """One recording: its class and its event counts [T, 2, H, W] uint8, polarity False (darker) first."""

    label: str
    name: str
    frames: npt.NDArray[np.uint8]


def preview(path: Path, count: int) -> list[Recording]:
    """Read the first training recording of each of the first `count` classes (fewer where there are fewer).

    Raises:
        FramesError: the file is missing, damaged or of another schema.
    """
    if not path.is_file():
        raise FramesError(path, "not found; `dvc repro` makes it")
    try:
        with h5py.File(path, "r") as file:
            classes: list[str] = json.loads(file.attrs["classes"])
            label, split = file["label"][:], file["split"][:]
            found: list[Recording] = []
            for index, title in enumerate(classes):
                places = np.flatnonzero((label == index) & (split == TRAIN))
                if len(places) and len(found) < count:
                    name = file["name"][places[0]]
                    text = name.decode() if isinstance(name, bytes) else str(name)
                    found.append(Recording(title, text, file["frames"][places[0]]))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise FramesError(path, f"damaged or of another schema ({error}); remove it, {AGAIN}") from error
    if not found:
        raise FramesError(path, "has no training recordings; check datasets.<name>.integrate.split")
    return found
