"""AEDAT 4 as iniVation's DV writes it: the format of Tonic's CIFAR10-DVS.

The line '#!AER-DAT4.0', a header (u32 size and a flatbuffer: compression, where the packets end, an XML description of
the streams), then packets: stream i32, size u32 and a flatbuffer, compressed by LZ4, zstd or not at all. A packet of
events holds 16 bytes an event, little-endian: t int64 (µs since 1970), x int16, y int16, polarity bool. Read are the
events of the stream with the lowest number (as Tonic does), t, x, y and p as stored; frames, IMU and triggers are not.

The `aedat` package (2.3.0) reads this format too, but a file of 20 kB can make it take 800 MB, a damaged header ends
in a panic that is no Exception, and it reads no bytes that are already in memory.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import lz4.frame  # type: ignore[import-untyped]
import numpy as np
import zstandard
from numpy.typing import NDArray

from pipeline.errors import RecordingError
from pipeline.events.limits import most_bytes
from pipeline.events.types import Events, events_from
from pipeline.runtime.files import write_bytes

SIGNATURE = b"#!AER-DAT4.0\r\n"
STORED = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "u1"), ("padding", "u1", 3)])
# By the number in the header; 2 and 4 are slower ways to write what 1 and 3 write.
COMPRESSIONS = ("none", "lz4", "lz4", "zstd", "zstd")
# The longest description of the streams: DV writes some 3 kB, and the parser takes a hundred times its length.
LONGEST_DESCRIPTION = 1 << 17
CHUNK = 1 << 20


def decode(data: bytes, path: str | Path) -> Events:
    """Decode the events of an AEDAT 4 recording.

    Raises:
        RecordingError: wrong signature, a damaged header or packet, no stream of events, events off the sensor that the
            header states, a file cut before its packets end, or packets that expand to more bytes together than the
            file's justify (see `limits`).
    """
    try:
        return _decode(data)
    # All that the decompressors, the XML parser and the checks below raise on damaged bytes.
    except (ValueError, RuntimeError, struct.error, zstandard.ZstdError, ElementTree.ParseError) as error:
        raise RecordingError(path, f"no sound AEDAT 4 recording: {error}") from error


def write(
    path: str | Path, events: Events, sensor: tuple[int, int] = (128, 128), compression: str = "lz4", packet: int = 4096
) -> None:
    """Write events as an AEDAT 4 recording with one stream.

    Args:
        sensor: height and width, px. compression: "none", "lz4" or "zstd". packet: events in a packet, at most.

    Raises:
        RecordingError: a pixel off the sensor or a negative time.
    """
    height, width = sensor
    if len(events) and (events["x"].max() >= width or events["y"].max() >= height or events["t"].min() < 0):
        raise RecordingError(path, f"AEDAT 4 of this sensor holds x < {width}, y < {height} and times from 0 us")
    packets = []
    for first in range(0, len(events), packet):
        part = events[first : first + packet]
        stored = np.zeros(len(part), STORED)
        for name in ("t", "x", "y", "p"):
            stored[name] = part[name]
        # Size, root (a table at 20, its vtable at 12) and its one field, the vector of events at 28.
        size = 28 + stored.nbytes
        table = struct.pack("<II4sHHH2xiII", size, 16, b"EVTS", 6, 8, 4, 8, 4, len(part))
        payload = _compressed(table + stored.tobytes(), compression)
        packets.append(struct.pack("<iI", 0, len(payload)) + payload)
    body = b"".join(packets)
    description = (
        '<dv version="2.0"><node name="outInfo"><node name="0"><attr key="typeIdentifier">EVTS</attr><node name="info">'
        f'<attr key="sizeX">{width}</attr><attr key="sizeY">{height}</attr></node></node></node></dv>'
    ).encode()
    number, size = COMPRESSIONS.index(compression), 45 + len(description)
    end = len(SIGNATURE) + 4 + size + len(body)
    # Root (a table at 20, its vtable at 8) with compression at 24, the string's offset at 28, the packets' end at 32.
    fields = (20, b"IOHE", 10, 20, 4, 12, 8, 12, number, 12, end, len(description))
    header = struct.pack("<I4sHHHHH2xiiIqI", *fields) + description + b"\0"
    write_bytes(path, SIGNATURE + struct.pack("<I", size) + header + body)


def _compressed(payload: bytes, compression: str) -> bytes:
    if compression == "lz4":
        return lz4.frame.compress(payload)
    return zstandard.ZstdCompressor().compress(payload) if compression == "zstd" else payload


def _decode(data: bytes) -> Events:
    if not data.startswith(SIGNATURE):
        raise ValueError(f"it starts with {data[:14]!r}, expected {SIGNATURE!r}")
    compression, end, description, at = _header(data)
    kinds, (width, height) = _streams(description)
    chosen = min(number for number, kind in kinds.items() if kind == "EVTS")
    parts, left = [np.empty(0, STORED)], most_bytes(len(data))
    while at < end:
        number, size = struct.unpack_from("<iI", data, at)
        if number not in kinds or size > end - at - 8:
            raise ValueError(f"the packet at byte {at} is cut or of an unknown stream")
        if number == chosen:
            payload = _expanded(data[at + 8 : at + 8 + size], compression, left)
            left -= len(payload)
            parts.append(_events(payload))
        at += 8 + size
    stored = np.concatenate(parts)
    if len(stored):
        if stored["t"].min() < 0:
            raise ValueError("an event's time is negative")
        if min(stored["x"].min(), stored["y"].min()) < 0 or stored["x"].max() >= width or stored["y"].max() >= height:
            raise ValueError(
                f"an event is off the sensor of {width} x {height} (width x height) that its header states"
            )
    return events_from(stored["t"], stored["x"], stored["y"], stored["p"] != 0)


def _header(data: bytes) -> tuple[str, int, bytes, int]:
    """Return the compression, where the packets end, the streams' description and where the packets begin."""
    (size,) = struct.unpack_from("<I", data, len(SIGNATURE))
    start = len(SIGNATURE) + 4
    header = data[start : start + size]
    if len(header) < size or header[4:8] != b"IOHE":
        raise ValueError("cut within its header, or the header is none")
    places = [_field(header, 0, index) for index in range(3)]
    compression, end = 0, -1
    if places[0]:
        (compression,) = struct.unpack_from("<i", header, places[0])
    if places[1]:
        (end,) = struct.unpack_from("<q", header, places[1])
    if not 0 <= compression < len(COMPRESSIONS):
        raise ValueError(f"unknown compression {compression}")
    # -1: the recording was not closed, its packets go on to the end of the file.
    end = len(data) if end == -1 else end
    if not start + size <= end <= len(data):
        raise ValueError(f"cut: its packets end at byte {end}, the file at byte {len(data)}")
    return COMPRESSIONS[compression], end, _vector(header, places[2], 1), start + size


def _streams(description: bytes) -> tuple[dict[int, str], tuple[int, int]]:
    """Return the kind of each stream, and width and height (px) of the first of events."""
    if len(description) > LONGEST_DESCRIPTION:
        raise ValueError(f"its description is of {len(description)} bytes, more than the {LONGEST_DESCRIPTION} read")
    if b"<!" in description:
        raise ValueError("its description declares XML entities")
    root = ElementTree.fromstring(description)
    kinds, sizes = {}, {}
    for node in root.iterfind("./node[@name='outInfo']/node"):
        number = int(node.get("name", ""))
        kinds[number] = node.findtext("attr[@key='typeIdentifier']", "")
        if kinds[number] == "EVTS":
            keys = ("sizeX", "sizeY")
            width, height = (int(node.findtext(f"node[@name='info']/attr[@key='{key}']", "")) for key in keys)
            sizes[number] = width, height
    if not sizes:
        raise ValueError("its description names no stream of events")
    return kinds, sizes[min(sizes)]


def _expanded(payload: bytes, compression: str, left: int) -> bytes:
    """Decompress a packet piece by piece, to no more than the `left` bytes that the file may still expand to."""
    if compression == "none":
        return payload
    pieces = []
    for piece in _lz4_pieces(payload) if compression == "lz4" else _zstd_pieces(payload):
        pieces.append(piece)
        left -= len(piece)
        if left < 0:
            raise ValueError(f"with a packet of {len(payload)} bytes it expands to more than its length justifies")
    return b"".join(pieces)


def _lz4_pieces(payload: bytes) -> Iterator[bytes]:
    decompressor = lz4.frame.LZ4FrameDecompressor()
    yield decompressor.decompress(payload, max_length=CHUNK)
    while not decompressor.eof:
        piece = decompressor.decompress(b"", max_length=CHUNK)
        if not piece:
            raise ValueError("a compressed packet is cut")
        yield piece


def _zstd_pieces(payload: bytes) -> Iterator[bytes]:
    with zstandard.ZstdDecompressor().stream_reader(payload) as reader:
        while piece := reader.read(CHUNK):
            yield piece


def _events(payload: bytes) -> NDArray[np.void]:
    (size,) = struct.unpack_from("<I", payload, 0)
    if size != len(payload) - 4 or payload[8:12] != b"EVTS":
        raise ValueError("a packet is no packet of events, or is cut")
    return np.frombuffer(_vector(payload, _field(payload, 4, 0), STORED.itemsize), STORED)


def _field(buffer: bytes, root: int, index: int) -> int:
    """Find a field of a flatbuffer's root table; 0 if it is not there."""
    table = root + struct.unpack_from("<I", buffer, root)[0]
    vtable = table - struct.unpack_from("<i", buffer, table)[0]
    if vtable < 0:
        raise ValueError("a flatbuffer points outside of itself")
    entry = 4 + 2 * index
    if entry + 2 > struct.unpack_from("<H", buffer, vtable)[0]:
        return 0
    (offset,) = struct.unpack_from("<H", buffer, vtable + entry)
    return table + offset if offset else 0


def _vector(buffer: bytes, place: int, item: int) -> bytes:
    """Return the bytes of the vector or string to which a field points; none if there is no such field."""
    if not place:
        return b""
    start = place + struct.unpack_from("<I", buffer, place)[0]
    (count,) = struct.unpack_from("<I", buffer, start)
    if count * item > len(buffer) - start - 4:
        raise ValueError("a flatbuffer points outside of itself")
    return buffer[start + 4 : start + 4 + count * item]
