"""Readers: what was written comes back, and what was damaged is an error with its path, never silent garbage."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import RecordingError
from pipeline.events import EVENT, aedat2, atis, events_from, read_events
from pipeline.events.read import decode_events

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
FORMATS = {".aedat": (aedat2, 127, 2**32 - 1), ".bin": (atis, 239, 2**23 - 1)}


@st.composite
def recordings(draw, suffix: str, most: int = 300):
    _, side, last = FORMATS[suffix]
    count = draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    span = draw(st.sampled_from([1, 1000, last]))
    t = np.sort(rng.integers(0, span, count))
    return events_from(t, rng.integers(0, side + 1, count), rng.integers(0, side + 1, count), rng.random(count) < 0.5)


@pytest.mark.parametrize("suffix", FORMATS)
def test_written_events_come_back(tmp_path: Path, suffix: str) -> None:
    module = FORMATS[suffix][0]
    path = tmp_path / f"r{suffix}"

    @settings(max_examples=60, deadline=None)
    @given(recordings(suffix))
    def check(events) -> None:
        module.write(path, events)
        again = read_events(path)
        assert again.dtype == EVENT
        np.testing.assert_array_equal(again, events)

    check()


@pytest.mark.parametrize("suffix", FORMATS)
def test_long_recordings_come_back(tmp_path: Path, suffix: str) -> None:
    module, side, last = FORMATS[suffix]
    rng = np.random.default_rng(1)
    count = 3 * aedat2.BLOCK + 17
    x, y = rng.integers(0, side, (2, count))
    events = events_from(np.sort(rng.integers(0, last, count)), x, y, rng.random(count) < 0.5)
    module.write(tmp_path / f"r{suffix}", events)
    np.testing.assert_array_equal(read_events(tmp_path / f"r{suffix}"), events)


@pytest.mark.parametrize("suffix", FORMATS)
def test_damaged_bytes_give_valid_events_or_the_projects_error(tmp_path: Path, suffix: str) -> None:
    module, side, _ = FORMATS[suffix]
    path = tmp_path / f"r{suffix}"

    @settings(max_examples=150, deadline=None)
    @given(recordings(suffix, 40), st.integers(0, 2**32), st.sampled_from(["cut", "flip", "shuffle", "noise"]))
    def check(events, seed: int, damage: str) -> None:
        module.write(path, events)
        data = bytearray(path.read_bytes())
        rng = np.random.default_rng(seed)
        if damage == "cut":
            data = data[: rng.integers(0, len(data))]
        elif damage == "flip":
            for place in rng.integers(0, len(data), 5):
                data[place] ^= 1 << rng.integers(0, 8)
        elif damage == "shuffle":
            data = bytearray(rng.permutation(np.frombuffer(bytes(data), np.uint8)).tobytes())
        else:
            data = bytearray(rng.bytes(len(data)))
        try:
            found = decode_events(bytes(data), path)
        except RecordingError as error:
            assert str(path) in str(error)
            return
        assert found.dtype == EVENT and 0 < len(found) <= len(data)
        assert (np.diff(found["t"]) >= 0).all() and found["t"][0] >= 0
        assert found["x"].max() <= 255 and found["y"].max() <= max(side, 255)
        assert set(np.unique(found["p"].view(np.uint8))) <= {0, 1}

    check()


def test_aedat2_layout_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "r.aedat"
    address = 5 << 8 | 9 << 1 | 1
    special = 1 << 15 | 3 << 1
    path.write_bytes(b"#!AER-DAT2.0\r\n# a comment\r\n" + struct.pack(">IIII", address, 1234, special, 1235))
    (event,) = read_events(path)
    assert (event["t"], event["x"], event["y"], event["p"]) == (1234, 9, 5, True)


def test_atis_layout_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "r.bin"
    overflow = bytes([0, 240, 0, 0, 0])
    path.write_bytes(bytes([7, 9, 0x80 | 0x01, 0x02, 0x03]) + overflow + bytes([1, 2, 0x01, 0x02, 0x04]))
    first, second = read_events(path)
    assert (first["t"], first["x"], first["y"], first["p"]) == (0x010203, 7, 9, True)
    assert (second["t"], second["p"]) == (0x010204 + 2**13, False)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("r.aedat", b"", "no AEDAT 2.0"),
        ("r.aedat", b"#!AER-DAT3.1\r\n" + bytes(8), "no AEDAT 2.0"),
        ("r.aedat", b"#!AER-DAT2.0", "cut within its header"),
        ("r.aedat", b"#!AER-DAT2.0\r\n" + bytes(13), "cut within an event"),
        ("r.aedat", b"#!AER-DAT2.0\r\n", "no event"),
        ("r.aedat", b"#!AER-DAT2.0\r\n" + struct.pack(">IIII", 0, 2, 0, 1), "backwards"),
        ("r.bin", b"", "no event"),
        ("r.bin", bytes(7), "cut within an event"),
        ("r.bin", bytes([0, 240, 0, 0, 0]), "no event"),
        ("r.binn", bytes(5), "unknown format '.binn'; did you mean '.bin'"),
    ],
)
def test_bad_recordings_say_what_is_wrong(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=message) as error:
        read_events(path)
    assert str(path) in str(error.value)


def test_missing_recording_and_errors_across_processes(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read") as error:
        read_events(tmp_path / "none.bin")
    again = pickle.loads(pickle.dumps(error.value))
    assert str(again) == str(error.value) and again.path == error.value.path


@pytest.mark.parametrize(("suffix", "x", "t"), [(".aedat", 128, 0), (".aedat", 0, 2**32), (".bin", 0, 2**23)])
def test_writers_refuse_what_the_format_cannot_hold(tmp_path: Path, suffix: str, x: int, t: int) -> None:
    with pytest.raises(RecordingError, match="holds"):
        FORMATS[suffix][0].write(tmp_path / f"r{suffix}", events_from([t], [x], [0], [True]))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the folder of real sample recordings is not here")
def test_real_samples() -> None:
    caltech = read_events(SAMPLES / "ncaltech101_faces_easy_0001.bin")
    assert len(caltech) == 67_445 and caltech["x"].max() == 150 and caltech["y"].max() == 172
    assert 298_000 < caltech["t"][-1] < 300_000
    walking = read_events(SAMPLES / "dvs128_walking.aedat")
    assert len(walking) > 50_000 and walking["x"].max() <= 127 and walking["y"].max() <= 127
    assert read_events(SAMPLES / "nmnist_sample.bin")["x"].max() <= 33
