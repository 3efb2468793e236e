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
# Time as it is stored; y and its overflow mark as they stand in a record of EVENT.
TIME, Y_PLACE, OVERFLOW = np.uint64(LAST_US), np.uint64(0xFF << 16), np.uint64(OVERFLOW_Y << 16)
# Events decoded at once: few enough that they stay in the processor's cache.
BLOCK = 1 << 14


def decode(data: bytes, path: str | Path) -> Events:
    """Decode the bytes of an ATIS recording.

    Raises:
        RecordingError: a file cut within an event.
    """
    if len(data) % EVENT_BYTES:
        raise RecordingError(path, f"cut within an event: {len(data)} bytes are no multiple of {EVENT_BYTES}")
    # Each event is read as the top of an 8-byte word; the last one's word reaches 3 bytes past the file.
    stored = np.ndarray(len(data) // EVENT_BYTES, ">u8", data + bytes(3), strides=(EVENT_BYTES,))
    events = np.empty(len(stored), EVENT)
    records = events.view("<u8").reshape(-1, 2)
    word, part = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.uint64)
    overflow = False
    for first in range(0, len(stored), BLOCK):
        record = records[first : first + BLOCK]
        w, c = word[: len(record)], part[: len(record)]
        np.right_shift(stored[first : first + BLOCK], np.uint64(24), out=w)
        np.bitwise_and(w, TIME, out=record[:, 0])
        # One record of EVENT is the two words t and x | y << 16 | p << 32.
        np.right_shift(w, np.uint64(8), out=c)
        c &= Y_PLACE
        overflow = overflow or bool((c == OVERFLOW).any())
        c |= (w << np.uint64(9)) & np.uint64(1 << 32)
        w >>= np.uint64(32)
        np.bitwise_or(w, c, out=record[:, 1])
    if overflow:
        marks = events["y"] == OVERFLOW_Y
        events["t"] += np.cumsum(marks) * OVERFLOW_US
        events = events[~marks]
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
