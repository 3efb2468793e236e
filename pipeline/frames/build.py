"""A folder of recordings to one frames file: all cores integrate, one process writes, memory stays flat."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.config import Integrate
from pipeline.errors import FileError, RecordingError
from pipeline.events.listing import Listing, list_recordings
from pipeline.events.read import decode_events
from pipeline.events.splits import assign, describe
from pipeline.frames.integrate import integrate
from pipeline.frames.store import Header, Writer
from pipeline.runtime.files import replacing
from pipeline.runtime.pool import in_parallel

MOST = np.iinfo(np.uint8).max


@dataclass(frozen=True)
class _Task:
    path: Path
    settings: Integrate


@dataclass(frozen=True)
class _Integrated:
    frames: NDArray[np.uint8]
    events: int
    clipped: int
    digest: str


def build(source: str | Path, target: str | Path, dataset: str, settings: Integrate, workers: int) -> Header:
    """Integrate every recording below `source` and write the frames file `target`.

    Same recordings and settings, same bytes, whatever the number of workers; the file is replaced whole or not at all.

    Returns:
        What was written.

    Raises:
        FileError: recordings are missing or bad; all bad ones are listed, not only the first.
        ConfigError: the split rule does not fit the recordings.
    """
    listing = list_recordings(source)
    splits = assign(listing.names, settings.split)
    tasks = [_Task(listing.path(index), settings) for index in range(len(listing.names))]
    bad: list[RecordingError] = []
    events: list[int] = []
    digest, clipped = hashlib.sha256(), 0
    with replacing(target) as partial, h5py.File(partial, "w") as file:
        writer = Writer(file, len(tasks), settings.steps, settings.size)
        results = in_parallel(_integrate_one, tasks, workers, "integrate", "recordings")
        for name, result in zip(listing.names, results, strict=True):
            if isinstance(result, RecordingError):
                bad.append(result)
                continue
            writer.add(result.frames)
            events.append(result.events)
            clipped += result.clipped
            digest.update(f"{name}\0{result.digest}\n".encode())
        if bad:
            raise _report(listing, bad)
        header = Header(
            dataset=dataset,
            classes=listing.classes,
            steps=settings.steps,
            split_by=settings.split_by,
            sensor=list(settings.sensor),
            size=list(settings.size),
            resize=settings.resize,
            split=describe(settings.split),
            sources=digest.hexdigest(),
            clipped=clipped,
        )
        writer.finish(header, listing.labels, splits, listing.names, events)
    return header


def _integrate_one(task: _Task) -> _Integrated | RecordingError:
    settings = task.settings
    try:
        data = task.path.read_bytes()
        events = decode_events(data, task.path)
        counts = integrate(
            events,
            settings.steps,
            (settings.sensor[0], settings.sensor[1]),
            (settings.size[0], settings.size[1]),
            settings.split_by,
            settings.resize,
        )
    except RecordingError as error:
        return error
    except (OSError, ValueError) as error:
        return RecordingError(task.path, str(error))
    beyond = int((counts > MOST).sum())
    if beyond and not settings.clip:
        return RecordingError(
            task.path,
            f"{beyond} counts above {MOST}, the largest {counts.max()}; more steps or `clip: true` (counts them) help",
        )
    frames = np.minimum(counts, MOST).astype(np.uint8)
    return _Integrated(frames, len(events), beyond, hashlib.sha256(data).hexdigest())


def _report(listing: Listing, bad: list[RecordingError]) -> FileError:
    lines = "\n".join(f"  {error}" for error in bad)
    return FileError(listing.root, f"{len(bad)} of {len(listing.names)} recordings cannot be used:\n{lines}")
