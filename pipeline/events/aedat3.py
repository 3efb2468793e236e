"""AEDAT 3.1 as cAER writes it: the format of DVS128 Gesture.

Header lines that start with '#', the last '#!END-HEADER', then little-endian packets: a header of 28 bytes (type u16,
source u16, event size u32, time offset u32, time overflow u32, capacity u32, number u32, valid u32), then room for
`capacity` events of which the first `number` are there. A polarity event (type 1) is 8 bytes, uint32 data and uint32
time: x = data >> 17 & 0x7FFF, y = data >> 2 & 0x7FFF, polarity = data >> 1 & 1, valid = data & 1, and the time in µs is
the packet's overflow << 31 plus the event's 31 bits. x, y and p are kept as stored, which is what SpikingJelly's reader
keeps too; that one also takes events that are marked invalid, this one leaves them out.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.errors import RecordingError
from pipeline.events.types import EVENT, Events
from pipeline.runtime.files import write_bytes

SIGNATURE = b"#!AER-DAT3.1"
END_HEADER = b"#!END-HEADER"
PACKET = struct.Struct("<HHIIIIII")
POLARITY_TYPE = 1
EVENT_BYTES = 8
TIME_OFFSET = 4
LAST_PIXEL = 0x7FFF
# Parts of an event read as one little-endian word, time above data.
VALID, BEYOND_31_BITS = np.uint64(1), np.uint64(1 << 63)
# Events decoded at once: few enough that they stay in the processor's cache.
BLOCK = 1 << 14


def decode(data: bytes, path: str | Path) -> Events:
    """Decode the polarity events of an AEDAT 3.1 recording; packets of other types are skipped.

    Raises:
        RecordingError: wrong signature, a broken header, an impossible packet, or a file cut within a packet.
    """
    packets, overflows = _packets(data, _header_end(data, path), path)
    # One copy into one piece, so that small packets cost no more to decode than large ones.
    stored = np.frombuffer(b"".join(packets), "<u8")
    events = np.empty(len(stored), EVENT)
    records = events.view("<u8").reshape(-1, 2)
    part = np.empty(BLOCK, np.uint64)
    any_bit, every_bit = np.uint64(0), ~np.uint64(0)
    for first in range(0, len(stored), BLOCK):
        w, record = stored[first : first + BLOCK], records[first : first + BLOCK]
        c = part[: len(w)]
        any_bit |= np.bitwise_or.reduce(w)
        every_bit &= np.bitwise_and.reduce(w)
        # One record of EVENT is the two words t and x | y << 16 | p << 32.
        np.right_shift(w, np.uint64(32), out=record[:, 0])
        np.right_shift(w, np.uint64(17), out=c)
        c &= np.uint64(LAST_PIXEL)
        c |= (w << np.uint64(14)) & np.uint64(LAST_PIXEL << 16)
        np.bitwise_or(c, (w << np.uint64(31)) & np.uint64(1 << 32), out=record[:, 1])
    if any_bit & BEYOND_31_BITS:
        raise RecordingError(path, "an event's time is beyond 2^31 - 1 us, where AEDAT 3.1 counts an overflow instead")
    if any(overflows):
        counts = [len(packet) // EVENT_BYTES for packet in packets]
        events["t"] += np.repeat(np.array(overflows, np.int64) << 31, counts)
    return events if every_bit & VALID else events[stored & VALID == VALID]


def write(path: str | Path, events: Events, packet: int = 4096) -> None:
    """Write events as an AEDAT 3.1 recording, at most `packet` events in each packet.

    Raises:
        RecordingError: a pixel beyond 32767 or a negative time, which the format cannot hold.
    """
    if len(events):
        if max(events["x"].max(), events["y"].max()) > LAST_PIXEL:
            raise RecordingError(path, f"AEDAT 3.1 holds x and y up to {LAST_PIXEL}")
        if events["t"].min() < 0:
            raise RecordingError(path, "AEDAT 3.1 holds times from 0 us")
    words = np.empty((len(events), 2), "<u4")
    words[:, 0] = events["x"].astype(np.uint32) << 17 | events["y"].astype(np.uint32) << 2 | events["p"] << 1 | 1
    words[:, 1] = events["t"] & 0x7FFFFFFF
    overflows = events["t"] >> 31
    # A packet has one overflow count, so a new one begins where it changes.
    bounds = [0, *(np.flatnonzero(np.diff(overflows)) + 1).tolist(), len(events)]
    parts = [SIGNATURE + b"\r\n#Format: RAW\r\n#Source 1: DVS128\r\n" + END_HEADER + b"\r\n"]
    for start, stop in pairwise(bounds):
        for first in range(start, stop, packet):
            count = min(packet, stop - first)
            parts.append(
                PACKET.pack(POLARITY_TYPE, 1, EVENT_BYTES, TIME_OFFSET, int(overflows[first]), count, count, count)
            )
            parts.append(words[first : first + count].tobytes())
    write_bytes(path, b"".join(parts))


def _header_end(data: bytes, path: str | Path) -> int:
    if not data.startswith(SIGNATURE):
        raise RecordingError(path, f"no AEDAT 3.1 recording: it starts with {data[:12]!r}, expected {SIGNATURE!r}")
    start = 0
    while data[start : start + 1] == b"#":
        end = data.find(b"\n", start) + 1
        line = data[start:end].rstrip()
        if not end:
            break
        if line == END_HEADER:
            return end
        if line.startswith(b"#Format:") and line != b"#Format: RAW":
            raise RecordingError(
                path, f"its header says {line.decode(errors='replace')!r}, only '#Format: RAW' is read"
            )
        start = end
    raise RecordingError(path, f"cut within its header: no line {END_HEADER.decode()!r}")


def _packets(data: bytes, start: int, path: str | Path) -> tuple[list[memoryview], list[int]]:
    """Find the events of each polarity packet, still encoded, and each packet's time overflow."""
    view, size = memoryview(data), len(data)
    packets, overflows = [], []
    while start < size:
        if size - start < PACKET.size:
            raise RecordingError(path, f"cut within the header of the packet at byte {start}")
        kind, _, event_bytes, offset, overflow, capacity, number, valid = PACKET.unpack_from(data, start)
        polarity = kind == POLARITY_TYPE
        if not valid <= number <= capacity or not event_bytes or offset >= event_bytes:
            raise RecordingError(path, f"the packet at byte {start} has an impossible header")
        if polarity and (event_bytes != EVENT_BYTES or offset != TIME_OFFSET):
            raise RecordingError(
                path, f"the polarity packet at byte {start} has events of {event_bytes} bytes, expected {EVENT_BYTES}"
            )
        first = start + PACKET.size
        start = first + capacity * event_bytes
        if start > size:
            raise RecordingError(path, f"cut within a packet: it ends at byte {start}, the file at byte {size}")
        if polarity:
            packets.append(view[first : first + number * EVENT_BYTES])
            overflows.append(overflow)
    return packets, overflows
