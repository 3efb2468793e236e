"""AEDAT 3.1 and 4: layouts by hand, packets that cannot be, and packets that claim more than they hold."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
import zstandard

from pipeline.errors import RecordingError
from pipeline.events import aedat3, limits
from pipeline.events.read import read_events
from pipeline.events.types import events_from

HEAD3 = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#Start-Time: 2016-01-01\r\n#!END-HEADER\r\n"
HEAD4 = b"#!AER-DAT4.0\r\n"


def packet3(events: list[tuple[int, int]], kind: int = 1, overflow: int = 0, **changes: int) -> bytes:
    count = len(events)
    fields = {
        "size": 8,
        "offset": 4,
        "overflow": overflow,
        "capacity": count,
        "number": count,
        "valid": count,
    } | changes
    body = b"".join(struct.pack("<II", *event) for event in events)
    return struct.pack("<HHIIIIII", kind, 1, *fields.values()) + body


def polarity(x: int, y: int, p: int, valid: int = 1) -> int:
    return x << 17 | y << 2 | p << 1 | valid


def test_aedat3_layout_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "r.aedat"
    special = packet3([(0xFFFFFFFF, 5)], kind=0)
    first = packet3([(polarity(9, 5, 1), 1234), (polarity(1, 2, 1, valid=0), 1235), (polarity(300, 200, 0), 1236)])
    frame = struct.pack("<HHIIIIII", 2, 1, 40, 12, 0, 1, 1, 1) + bytes(40)
    room = packet3([(polarity(3, 4, 0), 7), (polarity(6, 6, 1), 0)], overflow=2, number=1, valid=1)
    path.write_bytes(HEAD3 + special + first + frame + packet3([]) + room)
    found = [event.tolist() for event in read_events(path)]
    assert found == [(1234, 9, 5, True), (1236, 300, 200, False), ((2 << 31) + 7, 3, 4, False)]


def test_aedat3_packets_of_every_length(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # Across the moment when the time overflows, within a packet's worth of events.
    t = np.sort(rng.integers(2**31 - 500, 2**31 + 500, 3000))
    events = events_from(t, *rng.integers(0, 128, (2, 3000)), rng.random(3000) < 0.5)
    for packet in (1, 7, 4096):
        aedat3.write(tmp_path / "r.aedat", events, packet)
        np.testing.assert_array_equal(read_events(tmp_path / "r.aedat"), events)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"#!AER-DAT3.1", "cut within its header"),
        (b"#!AER-DAT3.1\r\n#Format: RAW\r\n", "cut within its header"),
        (b"#!AER-DAT3.1\r\n" + packet3([(1, 1)]), "cut within its header"),
        (HEAD3.replace(b"RAW", b"Serial-TS"), "'#Format: Serial-TS', only '#Format: RAW' is read"),
        (HEAD3, "no event"),
        (HEAD3 + bytes(27), "cut within the header of the packet"),
        (HEAD3 + packet3([(1, 1)])[:-1], "cut within a packet"),
        (HEAD3 + packet3([(1, 1)], capacity=2**32 - 1), "cut within a packet"),
        (HEAD3 + packet3([(1, 1)], number=2), "impossible header"),
        (HEAD3 + packet3([(1, 1)], valid=2), "impossible header"),
        (HEAD3 + packet3([], size=0), "impossible header"),
        (HEAD3 + packet3([], size=12), "events of 12 bytes"),
        (HEAD3 + packet3([(1, 1 << 31)]), "beyond 2\\^31 - 1 us"),
        (HEAD3 + packet3([(1, 2), (1, 1)]), "backwards"),
        (HEAD3 + packet3([(1, 2)], overflow=1) + packet3([(1, 3)]), "backwards"),
        (HEAD3 + packet3([(0, 1)]), "no event"),
    ],
)
def test_bad_aedat3_says_what_is_wrong(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "r.aedat"
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=message) as error:
        read_events(path)
    assert str(path) in str(error.value)


STREAMS = '<node name="{}"><attr key="typeIdentifier">{}</attr>{}</node>'
SIZE = '<node name="info"><attr key="sizeX">{}</attr><attr key="sizeY">{}</attr></node>'
TWO_CAMERAS = (
    STREAMS.format(1, "EVTS", SIZE.format(20, 10))
    + STREAMS.format(0, "IMUS", "")
    + STREAMS.format(2, "EVTS", SIZE.format(99, 99))
)


def file4(packets: bytes, compression: int = 0, streams: str = TWO_CAMERAS, cut: int = 0, closed: bool = True) -> bytes:
    """An AEDAT 4 file with each vtable after its table, as the format allows and `aedat4.write` does not do."""
    text = f'<dv version="2.0"><node name="outInfo">{streams}</node></dv>'.encode()
    size = 49 + len(text)
    end = len(HEAD4) + 4 + size + len(packets) if closed else -1
    # Root 8; there the table: way to its vtable at 32, to its string at 44, packets' end, compression.
    fields = (size, 8, b"IOHE", -24, 32, end, compression, 10, 20, 16, 8, 4, len(text))
    data = HEAD4 + struct.pack("<II4siIqi4x5H2xI", *fields) + text + b"\0" + packets
    # The table of packets that follows; a recording that is cut has none.
    return data[: len(data) - cut] if cut else data + b"\x08\0\0\0FTAB"


def events4(*events: tuple[int, int, int, int], count: int | None = None) -> bytes:
    count = len(events) if count is None else count
    table = struct.pack("<I4siI3H2xI", 8, b"EVTS", -8, 12, 6, 8, 4, count)
    body = table + b"".join(struct.pack("<qhhB3x", *event) for event in events)
    return struct.pack("<I", len(body)) + body


def packet4(payload: bytes, stream: int = 1) -> bytes:
    return struct.pack("<iI", stream, len(payload)) + payload


FIRST, SECOND = (5, 1, 2, 1), (6, 19, 9, 0)
BOTH = packet4(events4(FIRST)) + packet4(b"any", 0) + packet4(events4((1, 90, 90, 1)), 2) + packet4(events4(SECOND))


@pytest.mark.parametrize("closed", [True, False])
def test_aedat4_layout_by_hand(tmp_path: Path, closed: bool) -> None:
    path = tmp_path / "r.aedat4"
    data = file4(BOTH, closed=closed)
    path.write_bytes(data if closed else data[:-8])
    assert [event.tolist() for event in read_events(path)] == [(5, 1, 2, True), (6, 19, 9, False)]
    # The first line says which AEDAT it is, whatever the suffix.
    path.rename(tmp_path / "r.aedat")
    assert len(read_events(tmp_path / "r.aedat")) == 2


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4])
def test_aedat4_compressions(tmp_path: Path, compression: int) -> None:
    payload = events4(FIRST, SECOND)
    if compression:
        payload = lz4.frame.compress(payload) if compression < 3 else zstandard.compress(payload)
    (tmp_path / "r.aedat4").write_bytes(file4(packet4(payload), compression))
    assert read_events(tmp_path / "r.aedat4")["t"].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (HEAD4, "no sound AEDAT 4"),
        (HEAD4 + struct.pack("<I", 2**32 - 1) + bytes(9), "cut within its header"),
        (file4(BOTH, cut=1), "cut: its packets end at byte"),
        (file4(BOTH, cut=len(BOTH)), "cut: its packets end at byte"),
        (file4(BOTH[:-1]), "is cut"),
        (file4(BOTH + bytes(4)), "is cut"),
        (file4(packet4(events4(FIRST), 7)), "unknown stream"),
        (file4(packet4(events4(FIRST)), compression=5), "unknown compression"),
        (file4(packet4(events4(FIRST)), compression=1), "no sound AEDAT 4"),
        (file4(packet4(events4(FIRST)), compression=3), "no sound AEDAT 4"),
        (file4(packet4(lz4.frame.compress(events4(FIRST))[:-5]), compression=1), "cut"),
        (file4(packet4(zstandard.compress(events4(FIRST))[:-5]), compression=3), "no sound AEDAT 4"),
        (file4(packet4(events4(FIRST, count=2))), "points outside"),
        (file4(packet4(events4(FIRST, count=2**32 - 1))), "points outside"),
        (file4(packet4(events4(FIRST)[:-16])), "no packet of events, or is cut"),
        (file4(packet4(events4(FIRST).replace(b"EVTS", b"IMUS"))), "no packet of events"),
        (file4(packet4(events4((5, 20, 0, 1)))), "off the sensor of 20 x 10"),
        (file4(packet4(events4((5, 0, 10, 1)))), "off the sensor"),
        (file4(packet4(events4((5, -1, 0, 1)))), "off the sensor"),
        (file4(packet4(events4((-5, 0, 0, 1)))), "time is negative"),
        (file4(packet4(events4(SECOND, FIRST))), "backwards"),
        (file4(BOTH, streams=STREAMS.format(0, "IMUS", "")), "no stream of events"),
        (file4(BOTH, streams="<!DOCTYPE x>"), "XML entities"),
        (file4(BOTH, streams="<node>"), "no sound AEDAT 4"),
        (file4(packet4(b"any", 0)), "no event"),
    ],
)
def test_bad_aedat4_says_what_is_wrong(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "r.aedat4"
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=message) as error:
        read_events(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
@pytest.mark.parametrize("packets", [1, 16])
def test_aedat4_packets_expand_to_no_more_than_the_file_justifies(
    tmp_path: Path, compression: str, packets: int
) -> None:
    table = bytearray(events4(count=(1 << 26) // packets // 16)[:32])
    zeros = bytes(table) + bytes((1 << 26) // packets)
    zeros = struct.pack("<I", len(zeros) - 4) + zeros[4:]
    bomb = lz4.frame.compress(zeros) if compression == "lz4" else zstandard.compress(zeros)
    path = tmp_path / "r.aedat4"
    path.write_bytes(file4(packets * packet4(bomb), 1 if compression == "lz4" else 3))
    assert path.stat().st_size < 1 << 19
    tracemalloc.start()
    try:
        with pytest.raises(RecordingError, match="expands to more than its length justifies"):
            read_events(path)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * limits.FREE
    finally:
        tracemalloc.stop()


def test_a_long_description_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "r.aedat4"
    path.write_bytes(file4(packet4(events4(FIRST)), streams=TWO_CAMERAS + "<a/>" * 30_000))
    assert len(read_events(path)) == 1
    path.write_bytes(file4(packet4(events4(FIRST)), streams=TWO_CAMERAS + "<a/>" * 1_500_000))
    tracemalloc.start()
    try:
        with pytest.raises(RecordingError, match="its description is of 6000.* bytes, more than the 131072"):
            read_events(path)
        assert tracemalloc.get_traced_memory()[1] < 25e6
    finally:
        tracemalloc.stop()
