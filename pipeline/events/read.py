"""One door for every recording: the file's name says the format, its reader checks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.config.names import nearest
from pipeline.errors import RecordingError
from pipeline.events import aedat2, atis
from pipeline.events.types import Events

FORMATS: dict[str, Callable[[bytes, str | Path], Events]] = {".aedat": aedat2.decode, ".bin": atis.decode}


def read_events(path: str | Path) -> Events:
    """Read a recording.

    Args:
        path: an AEDAT 2.0 file (.aedat) or an ATIS file (.bin).

    Returns:
        A structured array [E], in the file's order: t int64 (µs), x and y uint16 (as stored), p bool (as stored).

    Raises:
        RecordingError: the file is missing, of an unknown or another format, cut, empty, or its times run backwards.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(path, f"cannot be read: {error.strerror or error}") from error
    return decode_events(data, path)


def decode_events(data: bytes, path: str | Path) -> Events:
    """Decode a recording that is in memory; `path` says the format and names it in errors. Else as `read_events`."""
    suffix = Path(path).suffix
    if suffix not in FORMATS:
        raise RecordingError(path, f"unknown format {suffix!r}; {nearest(suffix, FORMATS)}")
    events = FORMATS[suffix](data, path)
    if not len(events):
        raise RecordingError(path, "holds no event; delete it or record it again")
    if (events["t"][1:] < events["t"][:-1]).any():
        raise RecordingError(path, "its times run backwards; record it again or sort it with the sensor's own tools")
    return events
