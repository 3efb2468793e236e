"""Where a stream of events comes from: a recording that is played, or bytes of a pipe or of a socket of this machine.

Bytes are the words of ATIS (`events.atis`), 5 an event: x (8 bits), y (8), polarity (1), time in us (23), big-endian. A
word with y = 240 is no event, but says that the clock has run over 2^13 us: what comes later is that much later. So a
stream has no end of time, its words have times below 2^13, and the clock is known while nothing moves. A file .bin is
such a stream too.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np

from pipeline.errors import PipelineError, RecordingError
from pipeline.events.atis import EVENT_BYTES, OVERFLOW_US, decode
from pipeline.events.types import Events

# Bytes read at once, at most.
CHUNK = 1 << 16
LOCAL = "127.0.0.1"


class Packet(NamedTuple):
    """Events in order of time, and the clock, us, where it is known: all events before it have come."""

    events: Events
    until_us: int | None = None


def played(events: Events, packet_us: int, speed: float | None = None) -> Iterator[Packet]:
    """Yield a recording in packets of so many us; with a speed (1: real time) each when its last event is due."""
    begin, end = int(events["t"][0]), int(events["t"][-1])
    started = time.monotonic()
    for edge in range(begin + packet_us, end + packet_us + 1, packet_us):
        if speed is not None:
            time.sleep(max(0.0, started + (edge - begin) / 1e6 / speed - time.monotonic()))
        first, last = np.searchsorted(events["t"], (edge - packet_us, edge))
        yield Packet(events[first:last], edge)


def decoded(read: Callable[[int], bytes], name: str) -> Iterator[Packet]:
    """Yield the events of bytes as they come.

    Args:
        read: returns at most so many bytes, as soon as there are some, and none at the end. name: for messages.

    Raises:
        RecordingError: times run backwards, or the stream ends within an event.
    """
    rest, over, last = b"", 0, 0
    while data := read(CHUNK):
        data = rest + data
        whole = len(data) - len(data) % EVENT_BYTES
        rest = data[whole:]
        events = decode(data[:whole], name)
        events["t"] += over * OVERFLOW_US
        # Words that are no events are marks of the clock.
        over += whole // EVENT_BYTES - len(events)
        if len(events):
            if events["t"][0] < last or (events["t"][1:] < events["t"][:-1]).any():
                raise RecordingError(name, "its times run backwards; a stream is one recording, or one clock")
            last = int(events["t"][-1])
        yield Packet(events, over * OVERFLOW_US)
    if rest:
        raise RecordingError(name, f"ends within an event, {len(rest)} of {EVENT_BYTES} bytes")


def standard_input() -> Iterator[Packet]:
    """Yield the events of a pipe."""
    # What is there at once, in place of waiting for a full buffer.
    yield from decoded(partial(os.read, sys.stdin.fileno()), "standard input")


@contextmanager
def listening(port: int) -> Iterator[Iterator[Packet]]:
    """Wait for one connection from this machine, and give the events that come by it.

    Raises:
        PipelineError: the port is taken.
    """
    try:
        server = socket.create_server((LOCAL, port))
    except (OSError, OverflowError) as error:
        raise PipelineError(f"tcp:{port}: cannot be listened to: {error}") from error
    with server:
        print(f"tcp:{server.getsockname()[1]}: waiting for a connection from this machine", file=sys.stderr, flush=True)
        connection, _ = server.accept()
        with connection:
            yield decoded(connection.recv, f"tcp:{port}")
