"""A folder of recordings to one frames file: all cores integrate, one process writes, memory stays flat."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.config import Integrate
from pipeline.errors import FileError, RecordingError
from pipeline.events.listing import Listing, Recording, list_recordings
from pipeline.events.read import decode_events
from pipeline.events.splits import assign, describe
from pipeline.events.types import Events
from pipeline.frames.integrate import integrate
from pipeline.frames.store import Header, Writer
from pipeline.runtime.files import replacing
from pipeline.runtime.pool import in_parallel

MOST = np.iinfo(np.uint8).max


@dataclass(frozen=True)
class _Task:
    """The samples of one file, which is decoded once."""

    recordings: list[Recording]
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
    listing = list_recordings(source, settings.layout)
    splits = assign(listing.recordings, settings.split)
    bad: list[RecordingError] = []
    events: list[int] = []
    digest, clipped = hashlib.sha256(), 0
    with replacing(target) as partial, h5py.File(partial, "w") as file:
        writer = Writer(file, len(splits), settings.steps, settings.frame_size)
        for name, result in zip(listing.names, _integrated(listing, settings, workers), strict=True):
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
            size=list(settings.frame_size),
            resize=settings.resize,
            split=describe(settings.split),
            sources=digest.hexdigest(),
            clipped=clipped,
        )
        writer.finish(header, listing.labels, splits, listing.names, events)
    return header


def _integrated(listing: Listing, settings: Integrate, workers: int) -> Iterator[_Integrated | RecordingError]:
    files = groupby(listing.recordings, key=lambda recording: recording.path)
    tasks = [_Task(list(recordings), settings) for _, recordings in files]
    for results in in_parallel(_integrate_file, tasks, workers, "integrate", "files"):
        yield from results


def _integrate_file(task: _Task) -> list[_Integrated | RecordingError]:
    path = task.recordings[0].path
    try:
        data = path.read_bytes()
        events = decode_events(data, path)
    except OSError as error:
        return [RecordingError(path, f"cannot be read: {error.strerror or error}")] * len(task.recordings)
    except RecordingError as error:
        return [error] * len(task.recordings)
    digest = hashlib.sha256(data).hexdigest()
    return [_integrate_sample(recording, events, digest, task.settings) for recording in task.recordings]


def _integrate_sample(
    recording: Recording, events: Events, digest: str, settings: Integrate
) -> _Integrated | RecordingError:
    if recording.window is not None:
        first, last = np.searchsorted(events["t"], recording.window)
        events = events[first:last]
        if not len(events):
            start, end = recording.window
            return RecordingError(recording.path, f"{recording.name}: no event from {start} to {end} us; other labels?")
    try:
        counts = integrate(
            events,
            settings.steps,
            (settings.sensor[0], settings.sensor[1]),
            (settings.frame_size[0], settings.frame_size[1]),
            settings.split_by,
            settings.resize,
        )
    except ValueError as error:
        return RecordingError(recording.path, str(error))
    beyond = int((counts > MOST).sum())
    if beyond and not settings.clip:
        return RecordingError(
            recording.path,
            f"{beyond} counts above {MOST}, the largest {counts.max()}; more steps or `clip: true` (counts them) help",
        )
    return _Integrated(np.minimum(counts, MOST).astype(np.uint8), len(events), beyond, digest)


def _report(listing: Listing, bad: list[RecordingError]) -> FileError:
    lines = "\n".join(f"  {error}" for error in bad)
    return FileError(listing.root, f"{len(bad)} of {len(listing.recordings)} recordings cannot be used:\n{lines}")
