"""A folder of recordings to one frames file: all cores integrate, one process writes, memory stays flat."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.config import Integrate
from pipeline.errors import FileError, RecordingError
from pipeline.events.listing import TEST, TRAIN, Listing, Recording, list_recordings
from pipeline.events.published import another_set, compare, foreign_classes, manifest_digest
from pipeline.events.read import decode_events
from pipeline.events.splits import VALIDATION, assign, describe
from pipeline.events.types import Events
from pipeline.frames.integrate import integrate, slice_bounds
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
    ended: NDArray[np.int64]
    ended_us: NDArray[np.int64]
    counted: int
    clipped: int
    digest: str
    content: str


@dataclass(frozen=True)
class Built:
    """What a frames file was made of: recordings on each side, their events, and how many the frames count."""

    header: Header
    train: int
    validation: int
    test: int
    events: int
    counted: int

    def facts(self) -> dict[str, object]:
        """Give what is worth knowing of the file without opening it, as flat JSON but for the list of skipped ones."""
        numbers = {key: value for key, value in asdict(self).items() if key != "header"}
        return {
            **numbers,
            "classes": len(self.header.classes),
            "clipped": self.header.clipped,
            "n_skipped": len(self.header.skipped),
            "skipped": self.header.skipped,
            "split": self.header.split,
            "manifest": self.header.manifest,
            "published": self.header.published,
        }


def build(source: str | Path, target: str | Path, dataset: str, settings: Integrate, workers: int) -> Built:
    """Integrate every recording below `source` and write the frames file `target`.

    Same recordings and settings, same bytes, whatever the number of workers; the file is replaced whole or not at all.

    Raises:
        FileError: recordings are missing, of another data set, bad (all bad ones are listed, not only the first; with
            `bad_recordings: skip` they are left out instead), or the same on two sides of the split.
        ConfigError: the split rule does not fit the recordings.
    """
    listing = list_recordings(source, settings.layout)
    if another := another_set(dataset, listing):
        raise FileError(listing.root, another)
    if foreign := foreign_classes(dataset, listing):
        raise FileError(listing.root, f"is not {dataset}, which has no class {', '.join(foreign[:3])}")
    sides = assign(listing.recordings, settings.split, settings.validation)
    bad: list[RecordingError] = []
    kept: list[int] = []
    ended: list[NDArray[np.int64]] = []
    ended_us: list[NDArray[np.int64]] = []
    content: dict[str, int] = {}
    twins: list[tuple[int, int]] = []
    digest, clipped, counted = hashlib.sha256(), 0, 0
    with replacing(target) as partial, h5py.File(partial, "w") as file:
        writer = Writer(file, len(sides), settings.steps, settings.frame_size)
        for index, result in enumerate(_integrated(listing, settings, workers)):
            if isinstance(result, RecordingError):
                bad.append(result)
                continue
            writer.add(result.frames)
            kept.append(index)
            ended.append(result.ended)
            ended_us.append(result.ended_us)
            clipped += result.clipped
            counted += result.counted
            digest.update(f"{listing.names[index]}\0{result.digest}\n".encode())
            first = content.setdefault(result.content, index)
            if sides[first] != sides[index]:
                twins.append((first, index))
        _refuse(listing, settings, bad, twins, [sides[index] for index in kept])
        manifest = manifest_digest(dataset, listing.recordings, sides)
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
            orientation=[f"{name}: {' '.join(turns)}" for name, turns in sorted(settings.orientation.items())],
            extent=settings.extent,
            validation=_validation(settings, sides),
            manifest=manifest,
            published=_published(dataset, settings, manifest, len(bad)),
            skipped=[_short(error, listing.root) for error in bad],
        )
        names, labels = listing.names, listing.labels
        sides = [sides[index] for index in kept]
        writer.finish(header, [labels[i] for i in kept], sides, [names[i] for i in kept], ended, ended_us)
    events = sum(int(counts[-1]) for counts in ended)
    return Built(header, sides.count(TRAIN), sides.count(VALIDATION), sides.count(TEST), events, counted)


def _published(dataset: str, settings: Integrate, manifest: str, skipped: int) -> str:
    verdict = compare(dataset, describe(settings.split), manifest)
    return f"{verdict}, without the {skipped} bad recordings left out" if verdict and skipped else verdict


def _validation(settings: Integrate, sides: list[int]) -> str:
    if settings.validation is not None:
        return describe(settings.validation)
    return "listed" if VALIDATION in sides else ""


def _refuse(
    listing: Listing,
    settings: Integrate,
    bad: list[RecordingError],
    twins: list[tuple[int, int]],
    sides: list[int],
) -> None:
    """Raise FileError for what must not be written."""
    if bad and settings.bad_recordings == "fail":
        lines = "\n".join(f"  {error}" for error in bad)
        raise FileError(
            listing.root,
            f"{len(bad)} of {len(listing.recordings)} recordings cannot be used; mend them, or leave them out with "
            f"`bad_recordings: skip`:\n{lines}",
        )
    if twins:
        names = listing.names
        lines = "\n".join(f"  {names[first]} = {names[second]}" for first, second in twins)
        raise FileError(
            listing.root,
            f"{len(twins)} recordings are the same on two sides of the split (equal frames, number of events and "
            f"duration), so the test would ask what was learnt; remove one of each:\n{lines}",
        )
    for side, word in ((TRAIN, "training"), (TEST, "test")):
        if side not in sides:
            raise FileError(listing.root, f"no {word} recording is left after {len(bad)} bad ones were left out")


def _short(error: RecordingError, root: Path) -> str:
    """Say what is wrong with a recording, its path from the data set's folder on: the same on every machine."""
    return str(error).replace(f"{root.as_posix()}/", "")


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


def turns_of(path: Path, settings: Integrate) -> Collection[str]:
    """Give what recordings of a file's format need to be turned by."""
    return next((turns for name, turns in settings.orientation.items() if path.suffix == f".{name}"), ())


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
            turns_of(recording.path, settings),
            settings.extent,
        )
    except ValueError as error:
        return RecordingError(recording.path, str(error))
    beyond = int((counts > MOST).sum())
    if beyond and not settings.clip:
        return RecordingError(
            recording.path,
            f"{beyond} counts above {MOST}, the largest {counts.max()}; more steps or `clip: true` (counts them) help",
        )
    frames = np.minimum(counts, MOST).astype(np.uint8)
    duration = int(events["t"][-1] - events["t"][0])
    # Of the frames, not of the file: a copy in another format or with another header is the same recording.
    content = hashlib.sha256(f"{len(events)} {duration} ".encode() + frames.tobytes()).hexdigest()
    return _Integrated(frames, *frame_ends(events, settings), int(counts.sum()), beyond, digest, content)


def frame_ends(events: Events, settings: Integrate) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Say for the end of each frame how many events have come, and when the last of them came (us, from the first)."""
    ends = slice_bounds(events, settings.steps, settings.split_by)[1:]
    return ends.astype(np.int64), events["t"][np.maximum(ends, 1) - 1].astype(np.int64) - int(events["t"][0])
