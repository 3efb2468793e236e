"""One door for every recording: the file's name says the format, its reader checks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.config.names import nearest
from pipeline.errors import RecordingError
from pipeline.events import aedat2, aedat3, aedat4, atis, npy, npz
from pipeline.events.types import Events

# Decodes the bytes of a whole file to events [E] of dtype EVENT, t in µs; its path is for messages only.
Decoder = Callable[[bytes, str | Path], Events]


def _aedat(data: bytes, path: str | Path) -> Events:
    """Decode any AEDAT: the versions share the suffix .aedat, the first line tells them apart."""
    for version in (aedat2, aedat3, aedat4):
        if data.startswith(version.SIGNATURE):
            return version.decode(data, path)
    raise RecordingError(path, f"no AEDAT 2.0, 3.1 or 4 recording: it starts with {data[:14]!r}")


FORMATS: dict[str, Decoder] = {
    ".aedat": _aedat,
    ".aedat4": aedat4.decode,
    ".bin": atis.decode,
    ".npy": npy.decode,
    ".npz": npz.decode,
}


def read_events(path: str | Path) -> Events:
    """Read a recording.

    Args:
        path: a file of AEDAT 2.0, 3.1 (.aedat) or 4 (.aedat4), of ATIS, so of N-MNIST and N-Caltech101 (.bin), of
            SpikingJelly's events_np (.npz) or of Tonic's DVS128 Gesture (.npy). Each format's module says what its x, y
            and p mean and how copies of the same recording in two formats differ.

    Returns:
        A structured array [E], in the file's order: t int64 (µs), x and y uint16 (as stored), p bool (as stored).

    Raises:
        RecordingError: the file is missing, of an unknown or another format, cut, empty, or its times run backwards.
    """
    path = Path(path)
    return decode_events(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """Return a recording's bytes.

    Raises:
        RecordingError: it is missing, cannot be read, or is no file (a pipe would be waited for, for ever).
    """
    try:
        if path.is_dir():
            raise RecordingError(path, "is a folder; name one recording")
        if path.exists() and not path.is_file():
            raise RecordingError(path, "is no file; remove it")
        return path.read_bytes()
    except OSError as error:
        raise RecordingError(path, f"cannot be read: {error.strerror or error}") from error


def decode_events(data: bytes, path: str | Path) -> Events:
    """Decode a recording that is in memory; `path` says the format and names it in errors. Else as `read_events`."""
    suffix = Path(path).suffix
    if suffix not in FORMATS:
        raise RecordingError(path, f"unknown format {suffix!r}; {nearest(suffix, FORMATS)}")
    if not data:
        raise RecordingError(path, "is empty, 0 bytes; get it again")
    events = FORMATS[suffix](data, path)
    if not len(events):
        raise RecordingError(path, "holds no event; delete it or record it again")
    if (events["t"][1:] < events["t"][:-1]).any():
        raise RecordingError(path, "its times run backwards; record it again or sort it with the sensor's own tools")
    return events
