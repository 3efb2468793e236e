"""Bytes of a stream: what is written is read, however it is cut, for longer than a file's clock runs."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pipeline.errors import RecordingError
from pipeline.events import atis
from pipeline.events.types import Events, events_from
from pipeline.inference import sources
from pipeline.inference.sources import decoded, played
from tests.inference.small import recording


def slowly(data: bytes, size: int) -> list[sources.Packet]:
    source = io.BytesIO(data)
    return list(decoded(lambda _: source.read(size), "pipe"))


def words(events: Events, over: int = 0) -> tuple[bytes, int]:
    """Return events as the words of a stream, with the marks between them, and how many marks there have been.

    Args:
        events: in order of time, x up to 255, y up to 239. over: how many marks there were before.
    """
    cycles = events["t"] // atis.OVERFLOW_US
    marks = np.diff(cycles, prepend=over)
    # Each event's own word behind its marks.
    places = np.arange(len(events)) + np.cumsum(marks)
    columns = np.zeros((len(events) + int(marks.sum()), atis.EVENT_BYTES), np.uint8)
    columns[:, 1] = atis.OVERFLOW_Y
    t = events["t"] % atis.OVERFLOW_US
    columns[places] = np.stack(
        [events["x"], events["y"], events["p"].astype(np.int64) << 7, t >> 8, t & 0xFF], axis=1
    ).astype(np.uint8)
    return columns.tobytes(), int(over + marks.sum())


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_words_are_read_back_with_their_clock(size: int) -> None:
    # Twice as long as the clock of a file runs; with pauses, so that marks come in a row.
    rng = np.random.default_rng(0)
    t = np.sort(rng.integers(0, 17_000_000, 50))
    x, y, p = rng.integers(0, 256, 50), rng.integers(0, atis.OVERFLOW_Y, 50), rng.random(50) < 0.5
    events = events_from(t, x, y, p)
    first, over = words(events[:20])
    second, over = words(events[20:], over)
    assert over == t[-1] // atis.OVERFLOW_US
    packets = slowly(first + second, size)
    found = np.concatenate([packet.events for packet in packets])
    np.testing.assert_array_equal(found, events)
    clocks = [packet.until_us for packet in packets]
    assert clocks == sorted(clocks) and clocks[-1] <= t[-1]
    for packet in packets:
        assert (packet.events["t"] < packet.until_us + atis.OVERFLOW_US).all()


def test_a_file_of_atis_is_a_stream(tmp_path) -> None:
    events = recording()
    atis.write(tmp_path / "a.bin", events)
    packets = slowly((tmp_path / "a.bin").read_bytes(), 333)
    np.testing.assert_array_equal(np.concatenate([packet.events for packet in packets]), events)


def test_a_stream_that_is_cut_or_runs_backwards_is_told() -> None:
    data, _ = words(recording())
    with pytest.raises(RecordingError, match="pipe: ends within an event, 2 of 5 bytes"):
        slowly(data[:-3], 100)
    later = events_from([500], [1], [1], [True])
    with pytest.raises(RecordingError, match="times run backwards"):
        slowly(words(later)[0] + words(events_from([400], [1], [1], [True]))[0], 5)


def test_a_recording_is_played_in_packets_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    events = recording(end=5500)
    packets = list(played(events, 1000))
    np.testing.assert_array_equal(np.concatenate([packet.events for packet in packets]), events)
    assert all(np.ptp(packet.events["t"]) < 1000 for packet in packets) and len(packets) == 6
    slept: list[float] = []
    monkeypatch.setattr(sources.time, "sleep", slept.append)
    monkeypatch.setattr(sources.time, "monotonic", lambda: 100.0)
    timed: list[Events] = [packet.events for packet in played(events, 1000, speed=2.0)]
    assert len(timed) == 6 and slept == pytest.approx([0.0005 * n for n in range(1, 7)])
