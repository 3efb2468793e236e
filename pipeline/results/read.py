"""A run's files, read and checked: an error names the file and what makes it again."""

from __future__ import annotations

import csv
import hashlib
import json
import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import FileError
from pipeline.results.answers import answers
from pipeline.results.cells import csv_plain
from pipeline.results.write import Maps

MISSING = "not found; `dvc repro` makes it"
AGAIN = "remove its directory, `dvc repro` makes it again"


@dataclass(frozen=True)
class Arrays:
    """What a network said of the test recordings.

    `logits` float [T, N, C]; `label` int64 [N]; `share` [T, N]: of a recording's events, 0 to 1, that had come when
    step t answered; `time_ms` [T, N]: since its first event.
    """

    logits: NDArray[np.float32]
    label: NDArray[np.int64]
    share: NDArray[np.float64]
    time_ms: NDArray[np.float64]

    @property
    def answer(self) -> NDArray[np.int64]:
        """Predicted class [N], by the mean of the logits over all steps."""
        return answers(self.logits)


def finite(text: str) -> float:
    """Return a number; ValueError for nan and infinity."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {text!r}")
    return value


def blank(text: str) -> float:
    """Return a number, or nan for no text."""
    return finite(text) if text else math.nan


def read_csv(path: Path, types: Mapping[str, Callable[[str], Any]] | None = None) -> pd.DataFrame:
    """Read the named columns of a CSV file with a header, each value by its column's type; all as text without types.

    Raises:
        FileError: missing, no UTF-8, empty, a column is not there, a row is short or long, or a value has another type.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file, strict=True)) or [[]]
    except FileNotFoundError as error:
        raise FileError(path, MISSING) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(path, f"not CSV ({error}); {AGAIN}") from error
    types = dict.fromkeys(header, str) if types is None else types
    missing = [name for name in types if name not in header]
    if missing or not rows:
        problem = f"no column {', '.join(missing)}" if missing else "no rows"
        raise FileError(path, f"{problem}; {AGAIN}")
    content = {}
    for name, kind in types.items():
        index, values = header.index(name), []
        for number, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise FileError(path, f"line {number} has {len(row)} values, expected {len(header)}; {AGAIN}")
            try:
                values.append(kind(row[index]))
            except ValueError as error:
                raise FileError(path, f"{name}, line {number}: {error}; {AGAIN}") from error
        content[name] = values
    return pd.DataFrame(content)


def digest(folder: Path) -> str:
    """Return 16 hexadecimal digits of the SHA-256 over names and bytes of a run's files; FileError where none are."""
    if not folder.is_dir():
        raise FileError(folder, MISSING)
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        # With its length, so that no byte can pass from one file to the next.
        found.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:16]


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read metrics.json of a run; FileError where it is missing or damaged."""
    file = folder / "metrics.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileError(file, "not found, the grid needs this run; `dvc repro` makes it") from error
    except (OSError, ValueError, RecursionError) as error:
        raise FileError(file, f"not JSON ({error}); {AGAIN}") from error
    if not isinstance(content, dict):
        raise FileError(file, f"expected one group of numbers, found {type(content).__name__}; {AGAIN}")
    return content


def number(metrics: Mapping[str, Any], key: str, folder: Path, null: bool = False) -> float:
    """Return a number of metrics.json; nan for null where that is allowed; FileError else."""
    file = folder / "metrics.json"
    if key not in metrics:
        raise FileError(file, f"has no {key!r}; {AGAIN}")
    value = metrics[key]
    if value is None and null:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FileError(file, f"{key!r}: expected a number, found {value!r}; {AGAIN}")
    return float(value)


def read_steps(folder: Path, steps: int) -> pd.DataFrame:
    """Read accuracy.csv: t, accuracy (0 to 1), correct, n, a row for each of so many steps."""
    path = folder / "accuracy.csv"
    found = read_csv(path, {"t": int, "accuracy": finite, "correct": int, "n": int})
    if found["t"].tolist() != list(range(1, steps + 1)):
        raise FileError(path, f"expected a row for each t from 1 to {steps}, found {len(found)} rows; {AGAIN}")
    if not found["correct"].between(0, found["n"]).all() or not found["accuracy"].between(0, 1).all():
        raise FileError(path, f"expected 0 <= correct <= n and accuracy in 0..1; {AGAIN}")
    return found


def read_grouped(folder: Path) -> pd.DataFrame | None:
    """Read grouped.csv: a row for each T' (`of`) and step t of it; None where a network knows one T alone."""
    path = folder / "grouped.csv"
    if not path.exists():
        return None
    counts = dict.fromkeys(("of", "t", "correct", "n"), int)
    numbers = dict.fromkeys(("accuracy", "events", "time_ms", "time_ms_max"), finite)
    found = read_csv(path, {**counts, **numbers, "events_sd": blank})
    wanted = [(of, t) for of in dict.fromkeys(found["of"]) for t in range(1, of + 1)]
    if list(zip(found["of"], found["t"], strict=True)) != wanted or not found["correct"].between(0, found["n"]).all():
        raise FileError(path, f"expected rows for each t from 1 to T', and 0 <= correct <= n; {AGAIN}")
    return found


def read_curves(folder: Path) -> pd.DataFrame:
    """Read curves.csv: epoch, loss, accuracy (0 to 1) on the training recordings."""
    return read_csv(folder / "curves.csv", {"epoch": int, "loss": finite, "accuracy": finite})


def read_layers(folder: Path) -> pd.DataFrame:
    """Read layers.csv: layer, firing_rate (nan where no neurons are), synops, macs."""
    return read_csv(folder / "layers.csv", {"layer": csv_plain, "firing_rate": blank, "synops": finite, "macs": finite})


def read_confusion(folder: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Read confusion.csv: class names, counts [true, predicted]."""
    path = folder / "confusion.csv"
    found = read_csv(path)
    classes = found.get("true", pd.Series(dtype=str)).tolist()
    if found.columns.tolist() != ["true", *classes]:
        raise FileError(path, f"rows and columns name other classes; {AGAIN}")
    counts = read_csv(path, dict.fromkeys(classes, int)).to_numpy(np.int64)
    if (counts < 0).any():
        raise FileError(path, f"expected counts of at least 0; {AGAIN}")
    return [csv_plain(title) for title in classes], counts


def read_arrays(folder: Path, steps: int | None = None) -> Arrays:
    """Read logits.npz, of so many steps.

    Raises:
        FileError: missing, damaged, an array is not there, is not finite, or their shapes do not fit together.
    """
    path = folder / "logits.npz"
    found = _read_npz(path, ("logits", "label", "share", "time_ms"))
    logits, label, share, time_ms = found["logits"], found["label"], found["share"], found["time_ms"]
    fits = logits.ndim == 3 and label.shape == logits.shape[1:2] and share.shape == time_ms.shape == logits.shape[:2]
    if not fits or not logits.size or len(logits) != (steps or len(logits)):
        shapes = ", ".join(str(array.shape) for array in found.values())
        expected = f"logits [T, N, C], label [N], share and time_ms [T, N], T = {steps or 'any'}"
        raise FileError(path, f"expected {expected}, found {shapes}; {AGAIN}")
    if label.dtype.kind not in "iu" or label.min() < 0 or label.max() >= logits.shape[2]:
        raise FileError(path, f"expected labels from 0 to {logits.shape[2] - 1}; {AGAIN}")
    if any(array.dtype.kind not in "fiu" or not np.isfinite(array).all() for array in (logits, share, time_ms)):
        raise FileError(path, f"holds numbers that are not finite; {AGAIN}")
    return Arrays(logits, label.astype(np.int64), share.astype(np.float64), time_ms.astype(np.float64))


def read_maps(folder: Path) -> Maps | None:
    """Read maps.npz; None where there is none, as for a network without spiking neurons. Raises as `read_arrays`."""
    path = folder / "maps.npz"
    if not path.exists():
        return None
    spikes, frames, name = _read_npz(path, ("spikes", "frames", "name")).values()
    if spikes.ndim != 4 or frames.ndim != 4 or len(spikes) != len(frames) or name.ndim != 0:
        raise FileError(
            path, f"expected spikes [T, C, H, W] and frames [T, 2, H, W], found {spikes.shape}, {frames.shape}; {AGAIN}"
        )
    return Maps(spikes, frames, str(name))


def _read_npz(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except FileNotFoundError as error:
        raise FileError(path, MISSING) from error
    # A cut archive is a BadZipFile or an EOFError, a cut member a zlib.error, an unknown compression a RuntimeError.
    except (
        OSError, ValueError, TypeError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error,
        lzma.LZMAError, struct.error,
    ) as error:  # fmt: skip
        raise FileError(path, f"damaged ({error}); {AGAIN}") from error
