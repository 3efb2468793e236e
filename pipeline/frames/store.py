"""The frames file: one HDF5 file a data set, the same bytes for the same content.

    /frames    uint8 [N, T, 2, H, W]  event counts; polarity axis: (p false, p true); one chunk a recording, gzip 1
    /label     int64 [N]              index into the attribute classes
    /split     uint8 [N]              0 train, 1 test, 2 validation (cut from the training side)
    /name      utf-8 [N]              <class>/<recording>, sorted
    /ended     int64 [N, T]           events of the recording, before resizing, up to the end of each frame
    /ended_us  int64 [N, T]           time of the last of them, from the recording's first event, us

The attributes say how it was made (see Header). No time, host or path is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import FramesError
from pipeline.runtime.files import replacing

SCHEMA = 3
REPAIR = "delete it and run `dvc repro`"


@dataclass(frozen=True)
class Header:
    """How a frames file was made; kept as its attributes.

    `sources` is the SHA-256 over the names and contents of all recordings, `clipped` how many counts were cut to 255,
    `manifest` the SHA-256 that names the split (who is on which side), `published` what holding it against the
    published one gave, `skipped` the bad recordings that were left out, each with its reason.
    """

    dataset: str
    classes: list[str]
    steps: int
    split_by: str
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

    `ended` and `ended_us` int64 [N, T]: events up to the end of each frame, and when the last of them came, us.
    """

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: list[str]
    header: Header
    ended: NDArray[np.int64]
    ended_us: NDArray[np.int64]

    @property
    def classes(self) -> list[str]:
        return self.header.classes


class Writer:
    """Writes at most `count` recordings in order to a frames file that is open for writing."""

    def __init__(self, file: h5py.File, count: int, steps: int, size: Sequence[int]) -> None:
        shape = (steps, 2, *size)
        self._file = file
        self._frames = file.create_dataset(
            "frames",
            (count, *shape),
            "u1",
            maxshape=(count, *shape),
            chunks=(1, *shape),
            compression="gzip",
            compression_opts=1,
        )
        self._next = 0

    def add(self, frames: NDArray[np.uint8]) -> None:
        self._frames[self._next] = frames
        self._next += 1

    def finish(
        self,
        header: Header,
        labels: Sequence[int],
        splits: Sequence[int],
        names: Sequence[str],
        ended: Sequence[NDArray[np.int64]],
        ended_us: Sequence[NDArray[np.int64]],
    ) -> None:
        self._frames.resize(self._next, axis=0)
        self._file["label"] = np.asarray(labels, np.int64)
        self._file["split"] = np.asarray(splits, np.uint8)
        self._file.create_dataset("name", data=list(names), dtype=h5py.string_dtype("utf-8"))
        self._file["ended"] = np.asarray(ended, np.int64)
        self._file["ended_us"] = np.asarray(ended_us, np.int64)
        self._file.attrs["schema"] = SCHEMA
        for key, value in sorted(asdict(header).items()):
            self._file.attrs[key] = json.dumps(value) if isinstance(value, list) else value


def write(
    path: str | Path,
    frames: Iterable[NDArray[np.uint8]],
    header: Header,
    labels: Sequence[int],
    splits: Sequence[int],
    names: Sequence[str],
    ended: Sequence[NDArray[np.int64]],
    ended_us: Sequence[NDArray[np.int64]],
) -> None:
    """Write a frames file from frames in memory; a file of that name is replaced whole or not at all."""
    with replacing(path) as partial, h5py.File(partial, "w") as file:
        writer = Writer(file, len(labels), header.steps, header.size)
        for sample in frames:
            writer.add(sample)
        writer.finish(header, labels, splits, names, ended, ended_us)


def read_header(path: str | Path) -> Header:
    """Read how a frames file was made, without its frames; errors as `load`."""
    path = Path(path)
    if not path.is_file():
        raise FramesError(path, "not found; `dvc repro` makes it")
    try:
        with h5py.File(path, "r") as file:
            return _header(file, path)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise FramesError(path, f"damaged or no frames file ({error}); {REPAIR}") from error


def load(path: str | Path, split: int | None = None) -> FrameSet:
    """Read one side of a frames file into memory.

    Args:
        path: a file that stage integrate wrote.
        split: 0 train, 1 test, 2 validation, None all.

    Raises:
        FramesError: the file is missing, damaged, or of another schema.
    """
    path = Path(path)
    if not path.is_file():
        raise FramesError(path, "not found; `dvc repro` makes it")
    try:
        with h5py.File(path, "r") as file:
            header = _header(file, path)
            sides = file["split"][:]
            chosen = np.full(len(sides), True) if split is None else sides == split
            # Read whole, then choose: picking rows of a chunked dataset reads fifteen times slower.
            frames = file["frames"][:][chosen]
            labels = file["label"][:].astype(np.int64)[chosen]
            ended, ended_us = (file[key][:].astype(np.int64)[chosen] for key in ("ended", "ended_us"))
            names = [name for name, keep in zip(file["name"].asstr()[:], chosen, strict=True) if keep]
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise FramesError(path, f"damaged or no frames file ({error}); {REPAIR}") from error
    _check(path, header, frames, labels)
    return FrameSet(frames, labels, names, header, ended, ended_us)


def _header(file: h5py.File, path: Path) -> Header:
    schema = file.attrs.get("schema")
    if schema != SCHEMA:
        raise FramesError(path, f"schema {schema} where this version reads {SCHEMA}; {REPAIR}")
    values: dict[str, Any] = {}
    for part in fields(Header):
        value = file.attrs[part.name]
        values[part.name] = json.loads(value) if part.type.startswith("list") else value
    values["steps"], values["clipped"] = int(values["steps"]), int(values["clipped"])
    return Header(**values)


def _check(path: Path, header: Header, frames: NDArray[Any], labels: NDArray[Any]) -> None:
    shape = (header.steps, 2, *header.size)
    if frames.dtype != np.uint8 or frames.shape[1:] != shape:
        raise FramesError(
            path, f"frames are {frames.dtype} {frames.shape}, its attributes say uint8 (N, {shape}); {REPAIR}"
        )
    if len(frames) == 0:
        raise FramesError(path, "holds no recording of the side asked for; see integrate.split in params.yaml")
    if labels.min() < 0 or labels.max() >= len(header.classes):
        raise FramesError(path, f"a label lies outside its {len(header.classes)} classes; {REPAIR}")
