"""Frames files with damaged bytes: named, never waited for, never read as something else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from pipeline.config.frames import FrameSelection
from pipeline.errors import FramesError
from pipeline.frames.build import build
from pipeline.frames.select import select
from pipeline.frames.store import load
from tests.frames.toy import build_one, recordings, settings


def test_damaged_frames_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    with pytest.raises(FramesError, match=r"f\.h5: not found.*dvc repro"):
        load(path)
    build_one(recordings(tmp_path / "raw"), path, "toy", settings(), 1)
    data = path.read_bytes()
    damaged = [b"", b"no hdf5", data[: len(data) // 2], data[:64]]
    for change in damaged:
        path.write_bytes(change)
        with pytest.raises(FramesError, match=r"f\.h5: damaged.*dvc repro"):
            load(path)
    path.write_bytes(data)
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = 0
    with pytest.raises(FramesError, match="schema 0"):
        load(path)
    path.write_bytes(data)
    with h5py.File(path, "a") as file:
        file["label"][0] = 7
    with pytest.raises(FramesError, match="outside its 2 classes"):
        load(path)
    for name in ("frames", "label", "split", "name", "events_until", "time_until_us", "header"):
        path.write_bytes(data)
        with h5py.File(path, "a") as file:
            del file[name]
        with pytest.raises(FramesError, match=r"f\.h5: damaged.*dvc repro"):
            load(path)


def test_what_does_not_fit_the_header_is_named_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    build_one(recordings(tmp_path / "raw"), path, "toy", settings(), 1)
    data = path.read_bytes()
    huge = (1 << 40, 4, 2, 8, 8)
    for name, shape, kind in (
        ("label", (17,), "i8"), ("label", (18,), "i4"), ("split", (19,), "u1"), ("events_until", (18, 3), "i8"),
        ("time_until_us", (18, 4), "f8"), ("frames", huge, "u1"), ("frames", (18, 4, 2, 8, 9), "u1"),
        ("name", (3,), "S9"),
    ):  # fmt: skip
        path.write_bytes(data)
        with h5py.File(path, "a") as file:
            del file[name]
            file.create_dataset(name, shape, kind, chunks=(1, *shape[1:]))
        with pytest.raises(FramesError, match=r"f\.h5: damaged"):
            load(path)
    path.write_bytes(data.replace(b'"steps": 4', b'"steps": 5'))
    with pytest.raises(FramesError, match=r"events_until is int64 \(18, 4\), expected int64 \(18, 5\)"):
        load(path)
    path.write_bytes(data.replace(b'"steps": 4', b'"stepz": 4'))
    with pytest.raises(FramesError, match=r"damaged.*steps"):
        load(path)


# Loads a file over and over with some of its bytes changed; prints what it ends with.
FLIPS = """
import json, sys
from pathlib import Path
import numpy as np
from pipeline.errors import FramesError
from pipeline.frames.selection import load as load_selection
from pipeline.frames.select import select
from pipeline.frames.store import examples, load
path, pointer, seed, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
data, whole, chosen = path.read_bytes(), load(path), load_selection(pointer, 0)
rng, refused = np.random.default_rng(seed), 0
for _ in range(count):
    damaged = bytearray(data)
    for place in rng.integers(0, len(data), rng.integers(1, 4)):
        damaged[place] ^= int(rng.integers(1, 256))
    path.write_bytes(damaged)
    try:
        found = load(path)
        assert found.frames.shape[1:] == whole.frames.shape[1:] and len(found.names) == len(found.labels)
    except FramesError as error:
        assert str(path) in str(error)
        refused += 1
    try:
        load_selection(pointer, 0)
        raise SystemExit("read in spite of another SHA-256")
    except FramesError:
        pass
    path.write_bytes(data)
    assert np.array_equal(load_selection(pointer, 0).frames, chosen.frames)
print(refused)
"""


@pytest.mark.parametrize("seed", [0, 1])
def test_damaged_bytes_end_in_an_error_and_never_in_a_loop(tmp_path: Path, seed: int) -> None:
    chosen = settings(steps=2)
    build(recordings(tmp_path / "raw", per_class=7, events=50), tmp_path / "f", "toy", chosen, [], 1)
    select(tmp_path / "f", {"a": FrameSelection(file=chosen.file, first=0, stop=2)}, tmp_path / "s")
    # In a process of its own: what hangs or dies within HDF5 would take this one with it.
    command = [sys.executable, "-c", FLIPS, tmp_path / "f" / chosen.file.name, tmp_path / "s/a.json", str(seed), "250"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 25
