"""The frames file: one HDF5 file of a data set's recordings, the same bytes for the same content.

    /frames         uint8 [N, T, 2, H, W]  event counts; polarity axis: (p false, p true); one chunk a recording, gzip 1
    /label          int64 [N]              index into the header's classes
    /split          uint8 [N]              0 train, 1 test, 2 validation (cut from the training side)
    /name           utf-8 [N]              <class>/<recording>, sorted
    /events         int64 [N]              events of the recording, before resizing
    /events_until   int64 [N, T]           events of the recording, before resizing, up to the end of each frame
    /time_until_us  int64 [N, T]           time of the last of them, from the recording's first event, us
    /header         utf-8                  how it was made, as JSON (see Header); no time, host or path is in it

The attribute `schema` is the number of this form. All strings are of fixed length: those of variable length lie in
heaps where one damaged byte can keep HDF5 busy for ever.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import psutil
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from pipeline.errors import FramesError

SCHEMA = 5
REPAIR = "delete it and run `dvc repro`"
# What is in a folder of frames files, to be read without opening one.
FACTS = "facts.json"
# What h5py and the checks below raise on damaged bytes.
DAMAGE = (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError, IndexError, MemoryError)


@dataclass(frozen=True)
class Header:
    """How a frames file was made; kept in it as JSON.

    `sources` is the SHA-256 over the names and contents of all recordings, `clipped` how many counts were cut to 255,
    `manifest` the SHA-256 that names the split (who is on which side), `published` what holding it against the
    published one gave, `skipped` the bad recordings that were left out, each with its reason.
    """

    dataset: str
    classes: list[str]
    steps: int
    slice_by: str
    sensor: list[int]
    size: list[int]
    resize: str
    split: str
    sources: str
    clipped: int
    orientation: list[str] = field(default_factory=list)
    extent: str = "sensor"
    validation: str = ""
    manifest: str = ""
    published: str = ""
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FrameSet:
    """Recordings of one side: frames uint8 [N, T, 2, H, W], labels int64 [N], names [N], and the header.

    `events` int64 [N]: of each recording; `events_until` and `time_until_us` int64 [N, T]: events up to the end of each
    frame, time of the last of them, us.
    """

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: list[str]
    header: Header
    events: NDArray[np.int64]
    events_until: NDArray[np.int64]
    time_until_us: NDArray[np.int64]


def examples(path: str | Path, count: int, split: int = 0) -> list[tuple[str, str, NDArray[np.uint8]]]:
    """Read the first recording of each of the first `count` classes that have one on a side; errors as `load`.

    Returns:
        Class, name and frames uint8 [T, 2, H, W] of each.
    """
    with _opened(path) as file:
        header = _header(file)
        labels, sides = file["label"][:], file["split"][:]
        _check(file, header)
        rows = [np.flatnonzero((labels == label) & (sides == split)) for label in range(len(header.classes))]
        firsts = [(header.classes[label], int(found[0])) for label, found in enumerate(rows) if len(found)]
        return [(name, file["name"][row].decode(), file["frames"][row]) for name, row in firsts[:count]]


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(path: str | Path, split: int | None = None, kept: slice = slice(None)) -> FrameSet:
    """Read one side of a frames file into memory.

    Args:
        path: a file that stage integrate wrote.
        split: 0 train, 1 test, 2 validation, None all.
        kept: the frames of each recording that are returned; `events_until` and `time_until_us` are those of all.

    Raises:
        FramesError: the file is missing, damaged, or of another schema.
    """
    path = Path(path)
    with _opened(path) as file:
        header = _header(file)
        _check(file, header)
        sides, labels = file["split"][:], file["label"][:]
        chosen = np.full(len(sides), True) if split is None else sides == split
        # Read whole, then choose: picking rows of a chunked dataset reads fifteen times slower, and every other frame
        # of them ten times.
        start, stop, step = kept.indices(header.steps)
        _refuse_large(path, file["frames"], len(range(start, stop)), int(chosen.sum()))
        frames = file["frames"][:, start:stop][chosen, ::step]
        events_until, time_until_us = file["events_until"][:][chosen], file["time_until_us"][:][chosen]
        events = file["events"][:][chosen]
        names = [name.decode() for name in file["name"][:][chosen]]
    if not len(frames):
        raise FramesError(path, "holds no recording of the side asked for; see integrate.split in params/datasets.yaml")
    if labels.min() < 0 or labels.max() >= len(header.classes):
        raise FramesError(path, f"a label lies outside its {len(header.classes)} classes; {REPAIR}")
    return FrameSet(frames, labels[chosen], names, header, events, events_until, time_until_us)


def _refuse_large(path: Path, frames: h5py.Dataset, steps: int, count: int) -> None:
    """Refuse to read frames of which so many steps, of all recordings and again of `count`, are more than fits."""
    needed, free = (len(frames) + count) * steps * math.prod(frames.shape[2:]), psutil.virtual_memory().available
    if needed > free:
        raise FramesError(
            path,
            f"its frames take {needed / 2**30:.1f} GiB of memory to read, the machine has {free / 2**30:.1f} GiB left; "
            "a smaller frame_size or fewer frames (steps, clips.windows) take less",
        )


@contextmanager
def _opened(path: str | Path) -> Iterator[h5py.File]:
    """Open a frames file of this schema; whatever HDF5 raises on damaged bytes within the block names the file."""
    path = Path(path)
    if not path.is_file():
        raise FramesError(path, "not found; `dvc repro` makes it")
    try:
        with h5py.File(path, "r") as file:
            schema = file.attrs.get("schema")
            if schema != SCHEMA:
                raise FramesError(path, f"schema {schema} where this version reads {SCHEMA}; {REPAIR}")
            yield file
    except FramesError:
        raise
    except DAMAGE as error:
        raise FramesError(path, f"damaged or no frames file ({error}); {REPAIR}") from error


def _header(file: h5py.File) -> Header:
    try:
        return TypeAdapter(Header).validate_json(file["header"][()], strict=True)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ValueError(f"its header: {wrong}") from error


def _check(file: h5py.File, header: Header) -> None:
    """Compare what is there with what the header says, before any of it is read, so that no damage claims memory."""
    count = len(file["label"])
    rows = (count, header.steps)
    expected = {
        "label": (np.int64, (count,)),
        "split": (np.uint8, (count,)),
        "events": (np.int64, (count,)),
        "events_until": (np.int64, rows),
        "time_until_us": (np.int64, rows),
        "frames": (np.uint8, (*rows, 2, *header.size)),
    }
    for name, (kind, shape) in expected.items():
        found = file[name]
        if found.dtype != kind or found.shape != shape:
            raise ValueError(f"{name} is {found.dtype} {found.shape}, expected {np.dtype(kind)} {shape}")
