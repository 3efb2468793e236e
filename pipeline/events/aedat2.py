"""AEDAT 2.0 as the DVS128 writes it: the format and sensor of CIFAR10-DVS.

Header lines that start with '#', then 8 bytes an event: big-endian uint32 address and uint32 time (µs), with
y = address >> 8 & 0x7F, x = address >> 1 & 0x7F, polarity = address & 1, all kept as stored. SpikingJelly's reader
mirrors x and inverts the polarity instead. An address with bit 15 or 31 set is a special or external event, no pixel's.
Other cameras write the same format with other addresses (a DAVIS240 has y << 22 | x << 12 | polarity << 11): a header
that names another chip, or a pixel's address with bits beyond these, is refused.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipeline.errors import RecordingError
from pipeline.events.types import EVENT, Events
from pipeline.runtime.files import write_bytes

SIGNATURE = b"#!AER-DAT2.0"
EVENT_BYTES = 8
CONVERT = "save its events as AEDAT 4 or npz"
# Parts of an event read as one big-endian word, address above time.
SPECIAL, POLARITY, TIME = np.uint64(0x80008000 << 32), np.uint64(1 << 32), np.uint64(0xFFFFFFFF)
FOREIGN = np.uint64(0x7FFF0000 << 32)
# The names that jAER has for the DVS128 in the header's line "# AEChip: ...".
CHIP, DVS128 = re.compile(rb"^# *AEChip: *(\S+)", re.MULTILINE), (b"dvs128", b"tmpdiff128")
# Events decoded at once: few enough that they stay in the processor's cache.
BLOCK = 1 << 14


def decode(data: bytes, path: str | Path) -> Events:
    """Decode the bytes of an AEDAT 2.0 recording.

    Raises:
        RecordingError: wrong signature, a broken header, another camera's, or a file cut within an event.
    """
    start = _header_end(data, path)
    size = len(data) - start
    if size % EVENT_BYTES:
        raise RecordingError(
            path, f"cut within an event: {size} bytes after the header are no multiple of {EVENT_BYTES}"
        )
    stored = np.frombuffer(data, ">u8", offset=start)
    events = np.empty(len(stored), EVENT)
    records = events.view("<u8").reshape(-1, 2)
    word, part = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.uint64)
    special, used = False, np.uint64(0)
    for first in range(0, len(stored), BLOCK):
        record = records[first : first + BLOCK]
        w, c = word[: len(record)], part[: len(record)]
        w[:] = stored[first : first + BLOCK]
        bits = np.bitwise_or.reduce(w)
        used |= bits
        special = special or bool(bits & SPECIAL)
        # One record of EVENT is the two words t and x | y << 16 | p << 32.
        np.bitwise_and(w, TIME, out=record[:, 0])
        np.right_shift(w, np.uint64(24), out=c)
        c &= np.uint64(0x7F << 16)
        c |= w & POLARITY
        w >>= np.uint64(33)
        w &= np.uint64(0x7F)
        np.bitwise_or(w, c, out=record[:, 1])
    if used & FOREIGN and (stored[stored & SPECIAL == 0] & FOREIGN).any():
        raise RecordingError(path, f"has addresses that a DVS128 has not; {CONVERT}")
    return events[stored & SPECIAL == 0] if special else events


def write(path: str | Path, events: Events) -> None:
    """Write events as an AEDAT 2.0 recording of a DVS128.

    Raises:
        RecordingError: a pixel beyond 127 or a time outside 0..2^32-1 µs, which the format cannot hold.
    """
    if len(events):
        if max(events["x"].max(), events["y"].max()) > 0x7F:
            raise RecordingError(path, "AEDAT 2.0 of a DVS128 holds x and y up to 127; use a smaller sensor")
        if events["t"].min() < 0 or events["t"].max() > 0xFFFFFFFF:
            raise RecordingError(path, "AEDAT 2.0 holds times from 0 to 2^32 - 1 us")
    words = np.empty((len(events), 2), ">u4")
    words[:, 0] = (events["y"].astype(np.uint32) << 8) | (events["x"].astype(np.uint32) << 1) | events["p"]
    words[:, 1] = events["t"]
    header = SIGNATURE + b"\r\n# Raw address events: int32 address, int32 timestamp in us, big-endian\r\n"
    write_bytes(path, header + words.tobytes())


def _header_end(data: bytes, path: str | Path) -> int:
    if not data.startswith(SIGNATURE):
        raise RecordingError(path, f"no AEDAT 2.0 recording: it starts with {data[:12]!r}, expected {SIGNATURE!r}")
    start = 0
    while data[start : start + 1] == b"#":
        end = data.find(b"\n", start)
        if end < 0:
            raise RecordingError(path, "cut within its header: a '#' line does not end")
        start = end + 1
    chip = CHIP.search(data, 0, start)
    if chip and not any(name in chip[1].lower() for name in DVS128):
        raise RecordingError(path, f"was written by {chip[1].decode(errors='replace')}, no DVS128; {CONVERT}")
    return start
