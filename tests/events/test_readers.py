"""Readers: what was written comes back, and what was damaged is an error with its path, never silent garbage."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import RecordingError
from pipeline.events import aedat2, aedat3, aedat4, atis, npy
from pipeline.events.read import decode_events, read_events
from pipeline.events.types import EVENT, events_from
from tests import npz

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"


class Format(NamedTuple):
    """What a format can hold: x, y to `side` (`most` in damaged bytes), times to `last` in multiples of `step` µs."""

    suffix: str
    write: Callable[..., None]
    side: int
    last: int
    most: int
    step: int = 1
    expansion: int = 1


def aedat4_as(compression: str) -> Callable[..., None]:
    return partial(aedat4.write, sensor=(1 << 15, 1 << 15), compression=compression, packet=16)


FORMATS = {
    "aedat2": Format(".aedat", aedat2.write, 127, 2**32 - 1, 127),
    "aedat3": Format(".aedat", partial(aedat3.write, packet=16), 0x7FFF, 2**40, 0x7FFF),
    "aedat4": Format(".aedat4", aedat4_as("none"), 0x7FFF, 2**60, 0x7FFF),
    "aedat4-lz4": Format(".aedat4", aedat4_as("lz4"), 0x7FFF, 2**60, 0x7FFF, expansion=255),
    "aedat4-zstd": Format(".aedat4", aedat4_as("zstd"), 0x7FFF, 2**60, 0x7FFF, expansion=1032),
    "atis": Format(".bin", atis.write, 239, 2**23 - 1, 255),
    "npy": Format(".npy", npy.write, 0xFFFF, 2**40, 0xFFFF, step=1000),
    "npz": Format(".npz", npz.write, 0xFFFF, 2**60, 0xFFFF),
    "npz-deflate": Format(".npz", partial(npz.write, compressed=True), 0xFFFF, 2**60, 0xFFFF, expansion=1032),
}


@st.composite
def recordings(draw, name: str, most: int = 300):
    form = FORMATS[name]
    count = draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    span = draw(st.sampled_from([1, 1000, form.last // form.step]))
    t = np.sort(rng.integers(0, span, count, endpoint=True)) * form.step
    x, y = rng.integers(0, form.side, (2, count), endpoint=True)
    return events_from(np.minimum(t, form.last), x, y, rng.random(count) < 0.5)


def valid_or_error(data: bytes, path: Path, form: Format) -> None:
    try:
        found = decode_events(data, path)
    except RecordingError as error:
        assert str(path) in str(error)
        return
    assert found.dtype == EVENT and 0 < len(found) <= len(data) * form.expansion
    assert (np.diff(found["t"]) >= 0).all() and found["t"][0] >= 0
    assert found["x"].max() <= form.most and found["y"].max() <= form.most
    assert set(np.unique(found["p"].view(np.uint8))) <= {0, 1}


@pytest.mark.parametrize("name", FORMATS)
def test_written_events_come_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"r{FORMATS[name].suffix}"

    @settings(max_examples=60, deadline=None)
    @given(recordings(name))
    def check(events) -> None:
        FORMATS[name].write(path, events)
        again = read_events(path)
        assert again.dtype == EVENT
        np.testing.assert_array_equal(again, events)

    check()


@pytest.mark.parametrize("name", FORMATS)
def test_long_recordings_come_back(tmp_path: Path, name: str) -> None:
    suffix, write, side, last, _, step, _ = FORMATS[name]
    rng = np.random.default_rng(1)
    count = 3 * aedat2.BLOCK + 17
    x, y = rng.integers(0, side, (2, count))
    events = events_from(np.sort(rng.integers(0, last // step, count)) * step, x, y, rng.random(count) < 0.5)
    write(tmp_path / f"r{suffix}", events)
    again = read_events(tmp_path / f"r{suffix}")
    np.testing.assert_array_equal(again, events)
    # Equal to the byte, padding too: what is hashed must not hold what happened to be in memory.
    assert again.tobytes() == events.tobytes()


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_bytes_give_valid_events_or_the_projects_error(tmp_path: Path, name: str) -> None:
    form = FORMATS[name]
    path = tmp_path / f"r{form.suffix}"

    @settings(max_examples=150, deadline=None)
    @given(recordings(name, 40), st.integers(0, 2**32), st.sampled_from(["cut", "flip", "shuffle", "noise"]))
    def check(events, seed: int, damage: str) -> None:
        form.write(path, events)
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
        valid_or_error(bytes(data), path, form)

    check()


@pytest.mark.parametrize("name", FORMATS)
def test_every_cut_and_every_wrong_byte(tmp_path: Path, name: str) -> None:
    form = FORMATS[name]
    path = tmp_path / f"r{form.suffix}"
    form.write(path, events_from(np.arange(20) * form.step, np.arange(20), np.arange(20), np.arange(20) % 2))
    data = path.read_bytes()
    for place in range(len(data)):
        valid_or_error(data[:place], path, form)
        for wrong in (0, 0xFF, data[place] ^ 0xFF, data[place] ^ 1):
            valid_or_error(data[:place] + bytes([wrong]) + data[place + 1 :], path, form)


@pytest.mark.parametrize("name", FORMATS)
def test_a_recording_without_events_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"r{FORMATS[name].suffix}"
    FORMATS[name].write(path, events_from([], [], [], []))
    with pytest.raises(RecordingError, match="holds no event|is empty, 0 bytes"):
        read_events(path)


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
        ("r.aedat", b"", "is empty, 0 bytes"),
        ("r.aedat", b"#!AER-DAT1.0\r\n" + bytes(8), "no AEDAT 2.0, 3.1 or 4 recording"),
        ("r.aedat4", b"#!AER-DAT2.0\r\n" + bytes(8), "no sound AEDAT 4"),
        ("r.aedat", b"#!AER-DAT2.0", "cut within its header"),
        ("r.aedat", b"#!AER-DAT2.0\r\n" + bytes(13), "cut within an event"),
        ("r.aedat", b"#!AER-DAT2.0\r\n", "no event"),
        ("r.aedat", b"#!AER-DAT2.0\r\n" + struct.pack(">IIII", 0, 2, 0, 1), "backwards"),
        ("r.bin", b"", "is empty, 0 bytes"),
        ("r.bin", bytes(7), "cut within an event"),
        ("r.bin", bytes([0, 240, 0, 0, 0]), "no event"),
        ("r.npy", b"", "is empty, 0 bytes"),
        ("r.npz", b"", "is empty, 0 bytes"),
        ("r.binn", bytes(5), "unknown format '.binn'; did you mean '.bin'"),
    ],
)
def test_bad_recordings_say_what_is_wrong(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=message) as error:
        read_events(path)
    assert str(path) in str(error.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.bin")
    with pytest.raises(RecordingError, match=r"r\.bin: is no file; remove it"):
        read_events(tmp_path / "r.bin")


def test_a_folder_is_not_to_be_removed(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="is a folder; name one recording"):
        read_events(tmp_path)


def test_missing_recording_and_errors_across_processes(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read") as error:
        read_events(tmp_path / "none.bin")
    again = pickle.loads(pickle.dumps(error.value))
    assert str(again) == str(error.value) and again.path == error.value.path


@pytest.mark.parametrize(
    ("name", "x", "t"),
    [
        ("aedat2", 128, 0),
        ("aedat2", 0, 2**32),
        ("aedat3", 0x8000, 0),
        ("aedat3", 0, -1),
        ("aedat4", 0x8000, 0),
        ("aedat4", 0, -1),
        ("atis", 0, 2**23),
        ("npy", 0, 1500),
    ],
)
def test_writers_refuse_what_the_format_cannot_hold(tmp_path: Path, name: str, x: int, t: int) -> None:
    with pytest.raises(RecordingError, match="holds"):
        FORMATS[name].write(tmp_path / "r", events_from([t], [x], [0], [True]))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the folder of real sample recordings is not here")
def test_real_samples() -> None:
    caltech = read_events(SAMPLES / "ncaltech101_faces_easy_0001.bin")
    assert len(caltech) == 67_445 and caltech["x"].max() == 150 and caltech["y"].max() == 172
    assert 298_000 < caltech["t"][-1] < 300_000
    walking = read_events(SAMPLES / "dvs128_walking.aedat")
    assert len(walking) > 50_000 and walking["x"].max() <= 127 and walking["y"].max() <= 127
    assert read_events(SAMPLES / "nmnist_sample.bin")["x"].max() <= 33
    davis = read_events(SAMPLES / "davis346_sample.aedat4")
    assert len(davis) == 6_676 and davis["x"].max() < 346 and davis["y"].max() < 260
    # The first and the last event as the aedat package reads them.
    assert davis[0].tolist() == (1589163147368868, 215, 164, True) and davis[-1].tolist() == (
        1589163147538809,
        96,
        229,
        True,
    )
