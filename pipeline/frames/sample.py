"""What a worker does: one file of recordings decoded once, each recording counted into the frames of every file."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config.frames import FrameFile, Integrate
from pipeline.errors import RecordingError
from pipeline.events.listing import Recording
from pipeline.events.read import decode_events, read_bytes
from pipeline.events.types import Events
from pipeline.frames.integrate import Counts, Slices
from pipeline.frames.write import compressed

MOST = np.iinfo(np.uint8).max


@dataclass(frozen=True)
class Task:
    """The recordings of one file, and the frames files that they go into."""

    recordings: list[Recording]
    settings: Integrate
    files: Sequence[FrameFile]


@dataclass(frozen=True)
class Counted:
    """A recording's part of one frames file: its frames, compressed, and what had come at the end of each, int64 [T].

    `events` is the number of the recording's events, `counted` the sum of all counts, `clipped` how many
    were cut to 255.
    """

    chunk: bytes
    events_until: NDArray[np.int64]
    time_until_us: NDArray[np.int64]
    events: int
    counted: int
    clipped: int


@dataclass(frozen=True)
class Sample:
    """A recording that could be read: its part of each frames file, or why it cannot have one.

    `source` is the SHA-256 of its file. `content` (number of events, duration, SHA-256 of the frames in the first file)
    is equal for the same recording in another format or with another header, and empty without such frames.
    """

    parts: list[Counted | RecordingError]
    source: str
    content: str


def integrate_file(task: Task) -> list[Sample | RecordingError]:
    """Return what became of each recording of a file, in the task's order."""
    path = task.recordings[0].path
    try:
        data = read_bytes(path)
        events = decode_events(data, path)
        source = hashlib.sha256(data).hexdigest()
        return [_sample(recording, events, source, task) for recording in task.recordings]
    except RecordingError as error:
        return [error] * len(task.recordings)
    except MemoryError:
        return lost(task)


def lost(task: Task) -> list[Sample | RecordingError]:
    """Return what becomes of the recordings of a file that takes more memory than there is, or ends its process."""
    path = task.recordings[0].path
    problem = "takes more memory than the machine has, or ends the process that reads it; get it again or remove it"
    return [RecordingError(path, problem)] * len(task.recordings)


def turns_of(path: Path, settings: Integrate) -> Collection[str]:
    """Return what recordings of a file's format need to be turned by."""
    return next((turns for name, turns in settings.orientation.items() if path.suffix == f".{name}"), ())


def slices_of(recording: Recording, events: Events, settings: Integrate) -> Slices:
    """Return a recording's part of the events of its file, placed on the sensor and ready to be counted.

    Raises:
        RecordingError: it has no event, or one is off the sensor.
    """
    if recording.window is not None:
        first, last = np.searchsorted(events["t"], recording.window)
        events = events[first:last]
        if not len(events):
            start, end = recording.window
            raise RecordingError(recording.path, f"{recording.name}: no event from {start} to {end} us; other labels?")
    sensor = (settings.sensor[0], settings.sensor[1])
    try:
        return Slices(events, sensor, turns_of(recording.path, settings), settings.extent)
    except ValueError as error:
        raise RecordingError(recording.path, str(error)) from error


def as_shown(counts: Counts) -> NDArray[np.uint8]:
    """Return counts as networks see them: uint8, what is above 255 is 255."""
    return np.minimum(counts, MOST).astype(np.uint8)


def _sample(recording: Recording, events: Events, source: str, task: Task) -> Sample | RecordingError:
    try:
        slices = slices_of(recording, events, task.settings)
    except RecordingError as error:
        return error
    parts = [_counted(recording.path, slices, file, task.settings) for file in task.files]
    content = ""
    if isinstance(first := parts[0], Counted):
        # Of the frames, not of the file: a copy in another format or with another header is the same recording.
        content = f"{first.events_until[-1]} {first.time_until_us[-1]} {hashlib.sha256(first.chunk).hexdigest()}"
    return Sample(parts, source, content)


def _counted(path: Path, slices: Slices, file: FrameFile, settings: Integrate) -> Counted | RecordingError:
    try:
        size = file.frame_size[0], file.frame_size[1]
        counts = slices.frames(file.steps, size, file.slice_by, settings.resize)
    except ValueError as error:
        return RecordingError(path, str(error))
    beyond = int((counts > MOST).sum())
    if beyond and not settings.clip:
        return RecordingError(
            path,
            f"{beyond} counts above {MOST} in {file.steps} frames, the largest {counts.max()}; more steps or "
            "`clip: true` (counts them) help",
        )
    chunk = compressed(as_shown(counts))
    return Counted(chunk, *slices.ends(file.steps, file.slice_by), len(slices), int(counts.sum()), beyond)
