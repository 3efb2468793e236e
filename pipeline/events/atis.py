"""ATIS .bin: the format of N-MNIST and N-Caltech101.

40 bits an event: x (8), y (8), polarity (1), time in µs (23), big-endian. An entry with y = 240 is no event: the clock
has run over 2^13 µs and every later time is that much higher.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.errors import RecordingError
from pipeline.events.types import EVENT, Events
from pipeline.runtime.files import write_bytes

EVENT_BYTES = 5
OVERFLOW_Y = 240
OVERFLOW_US = 1 << 13
LAST_US = (1 << 23) - 1


def decode(data: bytes, path: str | Path) -> Events:
    """Decode the bytes of an ATIS recording.

    Args:
        data: the whole file. path: its name, for messages only.

    Returns:
        Events [E] of dtype EVENT.

    Raises:
        RecordingError: a file cut within an event.
    """
    if len(data) % EVENT_BYTES:
        raise RecordingError(path, f"cut within an event: {len(data)} bytes are no multiple of {EVENT_BYTES}")
    columns = np.frombuffer(data, np.uint8).reshape(-1, EVENT_BYTES)
    events = np.zeros(len(columns), EVENT)
    last = columns[:, 2].astype(np.int64)
    events["x"], events["y"], events["p"] = columns[:, 0], columns[:, 1], last >> 7
    events["t"] = (last & 0x7F) << 16 | columns[:, 3].astype(np.int64) << 8 | columns[:, 4]
    overflow = columns[:, 1] == OVERFLOW_Y
    if overflow.any():
        events["t"] += np.cumsum(overflow) * OVERFLOW_US
        events = events[~overflow]
    return events


def write(path: str | Path, events: Events) -> None:
    """Write events as an ATIS recording.

    Raises:
        RecordingError: x beyond 255, y beyond 239 or a time outside 0..2^23-1 µs, which the format cannot hold.
    """
    if len(events):
        if events["x"].max() > 0xFF or events["y"].max() >= OVERFLOW_Y:
            raise RecordingError(path, f"ATIS .bin holds x up to 255 and y up to {OVERFLOW_Y - 1}")
        if events["t"].min() < 0 or events["t"].max() > LAST_US:
            raise RecordingError(path, f"ATIS .bin holds times from 0 to {LAST_US} us")
    t = events["t"]
    columns = np.empty((len(events), EVENT_BYTES), np.uint8)
    columns[:, 0], columns[:, 1] = events["x"], events["y"]
    columns[:, 2] = events["p"].astype(np.int64) << 7 | t >> 16
    columns[:, 3], columns[:, 4] = t >> 8 & 0xFF, t & 0xFF
    write_bytes(path, columns.tobytes())
