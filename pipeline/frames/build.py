"""A folder of recordings to the frames files of a data set: decoded once, by all cores; memory stays flat."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.config.frames import FrameFile, Integrate, window_us
from pipeline.errors import ConfigError, FileError, RecordingError
from pipeline.events.listing import Listing, list_recordings
from pipeline.events.published import another_set, compare, foreign_classes, manifest_digest
from pipeline.events.sides import TEST, TRAIN, VALIDATION
from pipeline.events.splits import assign, describe, taking_part, unlearned
from pipeline.frames.built import Built, BuiltFile
from pipeline.frames.clips import real_windows
from pipeline.frames.sample import Sample, Task, integrate_file, lost
from pipeline.frames.store import FACTS, Header, file_sha256
from pipeline.frames.write import Writer, created
from pipeline.runtime.files import replacing, write_json
from pipeline.runtime.pool import in_parallel


def build(
    source: str | Path, folder: str | Path, dataset: str, settings: Integrate, wanted: Sequence[FrameFile], workers: int
) -> Built:
    """Integrate every recording below `source` and write the frames files and facts.json to `folder`.

    Each recording is decoded once. The default file (the settings' own) is always made; by it,
    recordings that are the same are found. Same recordings and settings, same bytes of a file, whatever the number of
    workers and whatever else is wanted; the folder is replaced whole or not at all.

    Args:
        wanted: files beside the default one, in any order; one named twice is made once.

    Raises:
        FileError: recordings are missing, of another data set, bad (all bad ones are listed, not only the first; with
            `bad_recordings: skip` a file leaves out those that are bad in it), or the same on two sides of the split.
        ConfigError: the split rule does not fit the recordings, or frames of a wanted size cannot be made.
    """
    everything = list_recordings(source, settings.layout)
    listing = taking_part(everything, settings.split)
    if left := len(everything.recordings) - len(listing.recordings):
        print(f"{dataset}: {left} recordings are not listed in {describe(settings.split)}: left out")
    if another := another_set(dataset, listing):
        raise FileError(listing.root, another)
    if foreign := foreign_classes(dataset, listing):
        raise FileError(listing.root, f"is not {dataset}, which has no class {', '.join(foreign[:3])}")
    sides = assign(listing.recordings, settings.split, settings.validation)
    if classes := unlearned(listing, sides):
        print(f"warning: no training recording of the classes {', '.join(classes[:10])}, which are tested")
    manifest = manifest_digest(dataset, listing.recordings, sides)
    copies = _Copies(sides)
    with replacing(folder) as partial:
        partial.mkdir()
        with ExitStack() as stack:
            parts = [
                _Part(file, stack.enter_context(created(partial / file.name)), listing, sides)
                for file in _files(settings, wanted)
            ]
            for index, result in enumerate(_integrated(listing, settings, [part.file for part in parts], workers)):
                for place, part in enumerate(parts):
                    part.add(index, result, place)
                if isinstance(result, Sample):
                    copies.add(index, result.content)
            _refuse_bad(listing, settings, parts)
            _refuse_copies(listing, copies)
            headers = [part.finish(dataset, settings, manifest) for part in parts]
        built = Built(
            [
                part.built(header, file_sha256(partial / part.file.name))
                for part, header in zip(parts, headers, strict=True)
            ],
            sum(parts[0].events),
        )
        write_json(partial / FACTS, built.facts())
    return built


class _Part:
    """One frames file while it is written."""

    def __init__(self, file: FrameFile, store: h5py.File, listing: Listing, sides: list[int]) -> None:
        self.file, self.bad = file, list[RecordingError]()
        self._events_until, self._time_until_us = list[NDArray[np.int64]](), list[NDArray[np.int64]]()
        self.events = list[int]()
        self._writer = Writer(store, len(sides), file.steps, file.frame_size)
        self._listing, self._names, self._all_sides = listing, listing.names, sides
        self._kept = list[int]()
        self._digest, self._counted, self._clipped = hashlib.sha256(), 0, 0

    @property
    def sides(self) -> list[int]:
        """Return the sides of the recordings that are in the file."""
        return [self._all_sides[index] for index in self._kept]

    def add(self, index: int, result: Sample | RecordingError, place: int) -> None:
        """Take a recording's part of this file, the `place`-th of all, or note why it has none."""
        part = result.parts[place] if isinstance(result, Sample) else result
        if isinstance(part, RecordingError):
            self.bad.append(part)
            return
        assert isinstance(result, Sample)
        self._writer.add(part.chunk)
        self._kept.append(index)
        self.events.append(part.events)
        self._events_until.append(part.events_until)
        self._time_until_us.append(part.time_until_us)
        self._counted += part.counted
        self._clipped += part.clipped
        self._digest.update(f"{self._names[index]}\0{result.source}\n".encode())

    def finish(self, dataset: str, settings: Integrate, manifest: str) -> Header:
        header = Header(
            dataset=dataset,
            classes=self._listing.classes,
            steps=self.file.steps,
            slice_by=self.file.slice_by,
            sensor=list(settings.sensor),
            size=list(self.file.frame_size),
            resize=settings.resize,
            split=describe(settings.split),
            sources=self._digest.hexdigest(),
            clipped=self._clipped,
            orientation=[f"{name}: {' '.join(turns)}" for name, turns in sorted(settings.orientation.items())],
            extent=settings.extent,
            validation=_validation(settings, self._all_sides),
            manifest=manifest,
            published=_published(dataset, settings, manifest, len(self.bad)),
            skipped=[_short(error, self._listing.root) for error in self.bad],
        )
        labels = self._listing.labels
        kept_names, kept_labels = [self._names[i] for i in self._kept], [labels[i] for i in self._kept]
        self._writer.finish(
            header, kept_labels, self.sides, kept_names, self.events, self._events_until, self._time_until_us
        )
        return header

    def built(self, header: Header, sha256: str) -> BuiltFile:
        train, validation, test = (self.sides.count(side) for side in (TRAIN, VALIDATION, TEST))
        return BuiltFile(self.file, header, sha256, train, validation, test, self._counted, self._windows())

    def _windows(self) -> tuple[int, int] | None:
        if (window := window_us(self.file.slice_by)) is None:
            return None
        found = real_windows(np.array([times[-1] for times in self._time_until_us]), window)
        return int((found < self.file.steps).sum()), int(found.min())


class _Copies:
    """Finds recordings that are the same and lie on two sides of the split."""

    def __init__(self, sides: list[int]) -> None:
        self.found: list[tuple[int, int]] = []
        self._sides, self._first = sides, dict[str, int]()

    def add(self, index: int, content: str) -> None:
        first = self._first.setdefault(content, index) if content else index
        if self._sides[first] != self._sides[index]:
            self.found.append((first, index))


def _files(settings: Integrate, wanted: Sequence[FrameFile]) -> list[FrameFile]:
    """Return the default file, then the others, those with the same slices together."""
    files = {file.name: file for file in wanted if file != settings.file}
    for file in files.values():
        try:
            settings.check_size(file.frame_size)
        except ValueError as error:
            raise ConfigError(f"frames file {file.name}: {error}") from error
    return [settings.file, *sorted(files.values(), key=lambda file: (file.slice_by, file.steps, file.frame_size))]


def _published(dataset: str, settings: Integrate, manifest: str, skipped: int) -> str:
    verdict = compare(dataset, describe(settings.split), manifest)
    return f"{verdict}, without the {skipped} bad recordings left out" if verdict and skipped else verdict


def _validation(settings: Integrate, sides: list[int]) -> str:
    if settings.validation is not None:
        return describe(settings.validation)
    return "listed" if VALIDATION in sides else ""


def _refuse_bad(listing: Listing, settings: Integrate, parts: list[_Part]) -> None:
    """Raise FileError for bad recordings, or for a file that is left without a side."""
    # Once each: one that cannot be read is bad in every file.
    lines = list(dict.fromkeys(f"  {error}" for part in parts for error in part.bad))
    if lines and settings.bad_recordings == "fail":
        count = max(len(part.bad) for part in parts)
        raise FileError(
            listing.root,
            f"{count} of {len(listing.recordings)} recordings cannot be used; mend them, or leave them out with "
            "`bad_recordings: skip`:\n" + "\n".join(lines),
        )
    for part in parts:
        for side, word in ((TRAIN, "training"), (TEST, "test")):
            if side not in part.sides:
                raise FileError(
                    listing.root,
                    f"no {word} recording is left after {len(part.bad)} bad ones were left out of {part.file.name}",
                )


def _refuse_copies(listing: Listing, copies: _Copies) -> None:
    if copies.found:
        names = listing.names
        lines = "\n".join(f"  {names[first]} = {names[second]}" for first, second in copies.found)
        raise FileError(
            listing.root,
            f"{len(copies.found)} recordings are the same on two sides of the split (equal frames, number of events "
            f"and duration), so the test would ask what was learnt; remove one of each:\n{lines}",
        )


def _short(error: RecordingError, root: Path) -> str:
    """Return what is wrong with a recording, its path from the data set's folder on: the same on every machine."""
    return str(error).replace(f"{root.as_posix()}/", "")


def _integrated(
    listing: Listing, settings: Integrate, files: Sequence[FrameFile], workers: int
) -> Iterator[Sample | RecordingError]:
    paths = groupby(listing.recordings, key=lambda recording: recording.path)
    tasks = [Task(list(recordings), settings, files) for _, recordings in paths]
    for results in in_parallel(integrate_file, tasks, workers, "integrate", "files", lost):
        yield from results
