"""Writing of a frames file: recording by recording, so that memory does not grow with their number."""

from __future__ import annotations

import io
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.frames.store import SCHEMA, Header
from pipeline.runtime.files import replacing

# Of gzip: the fastest.
LEVEL = 1


def compressed(frames: NDArray[np.uint8]) -> bytes:
    """Return one recording's frames [T, 2, H, W] as HDF5's gzip filter stores them, so that workers can do that."""
    data = frames.tobytes()
    smaller = zlib.compress(data, LEVEL)
    return smaller if len(smaller) < len(data) else data


class _Disk(io.FileIO):
    """A file whose first failed write is told when HDF5 has closed it: where it cannot write, closing crashes it."""

    failed: OSError | None = None

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        try:
            # A disk that fills up takes a part first.
            while self.failed is None and len(rest):
                rest = rest[super().write(rest) or 0 :]
        except OSError as error:
            self.failed = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failed = self.failed or error
            return size or 0


@contextmanager
def created(path: Path) -> Iterator[h5py.File]:
    """Open a new HDF5 file for writing; OSError with its path where the disk is full."""
    with _Disk(path, "w+b") as disk:
        with h5py.File(disk, "w") as file:
            yield file
        if disk.failed:
            raise OSError(disk.failed.errno, disk.failed.strerror, str(path))


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
            compression_opts=LEVEL,
        )
        self._next = 0

    def add(self, chunk: bytes) -> None:
        """Write the next recording's frames, as `compressed` returns them."""
        # Bit 0 set: the first filter, gzip, was left out, as HDF5 does with what it would not make smaller.
        left_out = len(chunk) == math.prod(self._frames.chunks)
        self._frames.id.write_direct_chunk((self._next, 0, 0, 0, 0), chunk, filter_mask=int(left_out))
        self._next += 1

    def finish(
        self,
        header: Header,
        labels: Sequence[int],
        splits: Sequence[int],
        names: Sequence[str],
        events: Sequence[int],
        events_until: Sequence[NDArray[np.int64]],
        time_until_us: Sequence[NDArray[np.int64]],
    ) -> None:
        self._frames.resize(self._next, axis=0)
        self._file["label"] = np.asarray(labels, np.int64)
        self._file["split"] = np.asarray(splits, np.uint8)
        self._text("name", [name.encode() for name in names])
        self._file["events"] = np.asarray(events, np.int64)
        self._file["events_until"] = np.asarray(events_until, np.int64)
        self._file["time_until_us"] = np.asarray(time_until_us, np.int64)
        self._text("header", json.dumps(asdict(header), sort_keys=True).encode())
        self._file.attrs["schema"] = SCHEMA

    def _text(self, name: str, content: bytes | list[bytes]) -> None:
        longest = len(content) if isinstance(content, bytes) else max(map(len, content))
        self._file.create_dataset(name, data=content, dtype=h5py.string_dtype("utf-8", longest))


def write(
    path: str | Path,
    frames: Iterable[NDArray[np.uint8]],
    header: Header,
    labels: Sequence[int],
    splits: Sequence[int],
    names: Sequence[str],
    events_until: Sequence[NDArray[np.int64]],
    time_until_us: Sequence[NDArray[np.int64]],
) -> None:
    """Write a frames file from frames in memory that show all events; a file of that name is replaced whole or not."""
    events = [int(counts[-1]) for counts in events_until]
    with replacing(path) as partial, created(partial) as file:
        writer = Writer(file, len(labels), header.steps, header.size)
        for sample in frames:
            writer.add(compressed(sample))
        writer.finish(header, labels, splits, names, events, events_until, time_until_us)
