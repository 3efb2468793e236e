"""What integration does with recordings that are bad, missing, too large, or on two sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config.splits import NumericSplit
from pipeline.errors import FileError
from pipeline.events import aedat2
from pipeline.events.read import read_events
from pipeline.events.types import events_from
from pipeline.frames import sample
from pipeline.frames.build import build
from pipeline.frames.store import load
from tests import npz
from tests.frames.toy import build_one, recordings, settings, wanted_file

CIFAR = {
    "orientation": {"npz": ["transpose", "flip_x", "flip_y", "invert"]}, "steps": 10, "sensor": [128, 128],
    "frame_size": [48, 48], "resize": "nearest", "clip": True, "split": NumericSplit(rule="numeric", train=900),
}  # fmt: skip


def spoil(root: Path) -> None:
    (root / "a" / "a_1.aedat").write_bytes(b"nothing")
    (root / "b" / "b_8.aedat").write_bytes((root / "b" / "b_8.aedat").read_bytes()[:-3])


def test_a_recording_that_is_bad_in_one_file_is_left_out_of_that_one(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    # 200 events of one pixel in each of two frames, 400 in one.
    aedat2.write(root / "b" / "b_3.aedat", events_from(range(400), [3] * 400, [3] * 400, [True] * 400))
    one = wanted_file(1)
    with pytest.raises(FileError, match=r"1 of 18 recordings.*\n.*b_3\.aedat: 1 counts above 255 in 1 frames"):
        build(root, tmp_path / "f", "toy", settings(steps=2), [one], 1)
    assert not (tmp_path / "f").exists()
    built = build(root, tmp_path / "f", "toy", settings(steps=2, bad_recordings="skip"), [one], 1)
    assert [entry.train for entry in built.files] == [12, 11]
    assert [entry.facts()["n_skipped"] for entry in built.files] == [0, 1] and built.facts()["n_skipped"] == 0
    assert "b/b_3.aedat" not in load(tmp_path / "f" / one.name).names
    clipped = build(root, tmp_path / "f", "toy", settings(steps=2, clip=True), [one], 1)
    assert [entry.header.clipped for entry in clipped.files] == [0, 1]


def test_every_bad_recording_is_listed_and_the_old_file_stays(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    target = tmp_path / "f.h5"
    build_one(root, target, "toy", settings(), 1)
    before = target.read_bytes()
    (root / "a" / "a_1.aedat").write_bytes(b"nothing")
    (root / "b" / "b_2.aedat").write_bytes((root / "b" / "b_2.aedat").read_bytes()[:-3])
    aedat2.write(root / "b" / "b_3.aedat", events_from([5], [16], [1], [True]))
    for workers in (1, 2):
        with pytest.raises(FileError, match="3 of 18 recordings") as error:
            build_one(root, target, "toy", settings(), workers)
        message = str(error.value)
        assert all(name in message for name in ("a_1.aedat", "b_2.aedat", "b_3.aedat", "off the sensor", "cut within"))
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["f.h5"]


def test_bad_recordings_are_left_out_when_asked_for(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    build_one(root, tmp_path / "whole.h5", "toy", settings(), 1)
    spoil(root)
    skip = settings(bad_recordings="skip")
    files = [tmp_path / "1.h5", tmp_path / "2.h5"]
    built, _ = [build_one(root, file, "toy", skip, workers) for workers, file in enumerate(files, start=1)]
    assert files[0].read_bytes() == files[1].read_bytes()
    whole, left = load(tmp_path / "whole.h5"), load(files[0])
    # The others are what and where they were: a skipped one moves nobody to another side.
    kept = [index for index, name in enumerate(whole.names) if name not in ("a/a_1.aedat", "b/b_8.aedat")]
    assert left.names == [whole.names[index] for index in kept] and len(kept) == 16
    np.testing.assert_array_equal(left.frames, whole.frames[kept])
    np.testing.assert_array_equal(left.labels, whole.labels[kept])
    assert load(files[0], 1).names == [name for name in load(tmp_path / "whole.h5", 1).names if name != "b/b_8.aedat"]
    first, second = left.header.skipped
    assert first.startswith("a/a_1.aedat: ") and second.startswith("b/b_8.aedat: ") and "cut within" in second
    facts = built.facts()
    assert facts["n_skipped"] == 2 and facts["skipped"] == [first, second]
    assert (facts["train"], facts["validation"], facts["test"]) == (11, 0, 5) and facts["events"] == 16 * 300


def test_a_recording_that_takes_too_much_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = recordings(tmp_path / "raw")
    decode = sample.decode_events

    def limited(data: bytes, path: Path) -> Any:
        if path.name == "a_1.aedat":
            raise MemoryError
        return decode(data, path)

    monkeypatch.setattr(sample, "decode_events", limited)
    with pytest.raises(FileError, match=r"1 of 18 recordings.*\n.*a_1\.aedat: takes more memory than the machine has"):
        build(root, tmp_path / "f", "toy", settings(), [], 1)
    built = build(root, tmp_path / "f", "toy", settings(bad_recordings="skip"), [], 1)
    assert built.facts()["n_skipped"] == 1 and built.default.header.skipped[0].startswith("a/a_1.aedat: takes more")


def test_a_side_that_is_all_bad_is_an_error(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw", per_class=7)
    for name in ("a", "b"):
        (root / name / f"{name}_6.aedat").write_bytes(b"nothing")
    with pytest.raises(FileError, match="no test recording is left after 2 bad ones"):
        build_one(root, tmp_path / "f.h5", "toy", settings(bad_recordings="skip"), 1)
    assert not (tmp_path / "f.h5").exists()


def test_the_same_recording_on_two_sides_is_an_error_in_any_format(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    (root / "a" / "a_1.aedat").write_bytes((root / "a" / "a_0.aedat").read_bytes())
    build_one(root, tmp_path / "f.h5", "toy", settings(), 1)  # both for training
    events = read_events(root / "b" / "b_2.aedat")
    (root / "b" / "b_7.aedat").unlink()
    npz.write(root / "b" / "b_7.npz", events)
    for mode in ("fail", "skip"):
        with pytest.raises(FileError, match="1 recordings are the same on two sides") as error:
            build_one(root, tmp_path / "f.h5", "toy", settings(bad_recordings=mode), 1)
        assert "b/b_2.aedat = b/b_7.npz" in str(error.value)


def test_missing_recordings_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such folder"):
        build_one(tmp_path / "none", tmp_path / "f.h5", "toy", settings(), 1)
    (tmp_path / "raw" / "a").mkdir(parents=True)
    with pytest.raises(FileError, match="no recordings"):
        build_one(tmp_path / "raw", tmp_path / "f.h5", "toy", settings(), 1)
