"""A look at every recording of a data set: what is in it, what is wrong with it, and who holds the same bytes."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pipeline.errors import RecordingError
from pipeline.events.listing import Listing, Recording
from pipeline.events.read import decode_events, read_bytes
from pipeline.runtime.pool import in_parallel


@dataclass(frozen=True)
class Finding:
    """One recording: its events, duration (µs), largest coordinates, digest of content; or what is wrong.

    `format` is the file's suffix, of .aedat with the version.
    """

    name: str
    events: int = 0
    duration_us: int = 0
    width: int = 0
    height: int = 0
    on_share: float = 0.0
    digest: str = ""
    format: str = ""
    problem: str | None = None


def scan(listing: Listing, sensor: Sequence[int], workers: int) -> list[Finding]:
    """Read every recording of a listing, in its order.

    Args:
        sensor: height and width that all events must lie within, px.
    """
    files = [list(group) for _, group in groupby(listing.recordings, key=lambda recording: recording.path)]
    tasks = [(recordings, (sensor[0], sensor[1])) for recordings in files]
    return [finding for found in in_parallel(_look, tasks, workers, "check", "files", _lost) for finding in found]


def duplicates(findings: Sequence[Finding]) -> list[list[str]]:
    """List the groups of recordings with the same content."""
    names = defaultdict(list)
    for finding in findings:
        if finding.digest:
            names[finding.digest].append(finding.name)
    return sorted(group for group in names.values() if len(group) > 1)


def _look(task: tuple[list[Recording], tuple[int, int]]) -> list[Finding]:
    recordings, sensor = task
    path = recordings[0].path
    form = path.suffix
    try:
        data = read_bytes(path)
        form = _format(path, data)
        events = decode_events(data, path)
    except RecordingError as error:
        return [Finding(recording.name, format=form, problem=error.problem) for recording in recordings]
    except MemoryError:
        return _lost(task)
    content = hashlib.sha256(data).hexdigest()
    findings = []
    for recording in recordings:
        part, digest = events, content
        if recording.window is not None:
            start, end = recording.window
            part = events[(events["t"] >= start) & (events["t"] < end)]
            digest = hashlib.sha256(f"{content} {start} {end}".encode()).hexdigest()
        if not len(part):
            problem = f"no event in its window {recording.window} us"
            findings.append(Finding(recording.name, format=form, problem=problem))
            continue
        width, height = int(part["x"].max()) + 1, int(part["y"].max()) + 1
        off = height > sensor[0] or width > sensor[1]
        beyond = f"events up to {height} x {width} px, the sensor has {sensor[0]} x {sensor[1]}" if off else None
        findings.append(
            Finding(
                recording.name, len(part), int(part["t"][-1] - part["t"][0]), width, height,
                float(part["p"].mean()), digest, form, beyond,
            )
        )  # fmt: skip
    return findings


def _lost(task: tuple[list[Recording], tuple[int, int]]) -> list[Finding]:
    recordings, _ = task
    problem = "takes more memory than the machine has, or ends the process that reads it"
    return [Finding(recording.name, format=recording.path.suffix, problem=problem) for recording in recordings]


def _format(path: Path, data: bytes) -> str:
    # The versions of AEDAT share the suffix; their first line says which.
    version = re.match(rb"#!AER-DAT(\d\.\d)", data) if path.suffix == ".aedat" else None
    return f"{path.suffix} (AEDAT {version[1].decode()})" if version else path.suffix
