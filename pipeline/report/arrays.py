"""The arrays a run keeps: its logits and when they came, and the first layer's spikes on one recording."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import FileError

AGAIN = "remove its directory, `dvc repro` makes it again"


@dataclass(frozen=True)
class Arrays:
    """What a network said of the test recordings.

    `logits` float [T, N, C]; `label` int64 [N]; `share` [T, N]: of a recording's events, 0 to 1, that had come when
    step t answered; `time_ms` [T, N]: since its first event.
    """

    logits: npt.NDArray[np.float32]
    label: npt.NDArray[np.int64]
    share: npt.NDArray[np.float64]
    time_ms: npt.NDArray[np.float64]

    @property
    def answer(self) -> npt.NDArray[np.int64]:
        """Predicted class [N], by the mean of the logits over all steps."""
        return self.logits.mean(axis=0, dtype=np.float64).argmax(axis=-1).astype(np.int64)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether the answer is right [N]."""
        return self.answer == self.label


@dataclass(frozen=True)
class Maps:
    """The first spiking layer on one recording: spikes uint8 [T, C, H, W], frames uint8 [T, 2, H, W], its name."""

    spikes: npt.NDArray[np.uint8]
    frames: npt.NDArray[np.uint8]
    name: str


def read_arrays(path: Path) -> Arrays:
    """Read logits.npz.

    Raises:
        FileError: missing, damaged, an array is not there, or their shapes do not fit together.
    """
    found = _read(path, ("logits", "label", "share", "time_ms"))
    logits, label, share, time_ms = found["logits"], found["label"], found["share"], found["time_ms"]
    fits = logits.ndim == 3 and label.shape == logits.shape[1:2] and share.shape == time_ms.shape == logits.shape[:2]
    if not fits or not logits.size:
        shapes = ", ".join(str(array.shape) for array in found.values())
        raise FileError(
            path, f"expected logits [T, N, C], label [N], share and time_ms [T, N], found {shapes}; {AGAIN}"
        )
    return Arrays(logits, label.astype(np.int64), share.astype(np.float64), time_ms.astype(np.float64))


def read_maps(path: Path) -> Maps | None:
    """Read maps.npz; None where there is none, as for a network without spiking neurons. Raises as `read_arrays`."""
    if not path.exists():
        return None
    found = _read(path, ("spikes", "frames", "name"))
    spikes, frames, name = found["spikes"], found["frames"], found["name"]
    if spikes.ndim != 4 or frames.ndim != 4 or len(spikes) != len(frames) or name.ndim != 0:
        raise FileError(
            path, f"expected spikes [T, C, H, W] and frames [T, 2, H, W], found {spikes.shape}, {frames.shape}; {AGAIN}"
        )
    return Maps(spikes, frames, str(name))


def _read(path: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except FileNotFoundError as error:
        raise FileError(path, "not found; `dvc repro` makes it") from error
    # A cut archive is a BadZipFile or an EOFError, a cut member a zlib.error.
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise FileError(path, f"damaged ({error}); {AGAIN}") from error
