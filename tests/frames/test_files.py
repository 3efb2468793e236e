"""The frames file: the same bytes always, damage named, nothing half-written left."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.config import Validation
from pipeline.config import load as load_params
from pipeline.errors import FileError, FramesError
from pipeline.events import aedat2, events_from, npz, read_events
from pipeline.events.published import DATASETS
from pipeline.frames import integrate
from pipeline.frames.build import build, frame_ends
from pipeline.frames.store import load

EMBEDDED = load_params().dataset("embedded").integrate


def settings(**changes):
    split = EMBEDDED.split.model_copy(update={"train": 6})
    return EMBEDDED.model_copy(
        update={"steps": 4, "sensor": [16, 16], "frame_size": [8, 8], "resize": "bin", "split": split, **changes}
    )


def recordings(root: Path, per_class: int = 9, events: int = 300) -> Path:
    rng = np.random.default_rng(0)
    for name in ("b", "a"):
        (root / name).mkdir(parents=True)
        for index in range(per_class):
            x, y = rng.integers(0, 16, (2, events))
            made = events_from(np.sort(rng.integers(0, 9999, events)), x, y, rng.random(events) < 0.5)
            aedat2.write(root / name / f"{name}_{index}.aedat", made)
    return root


def test_file_holds_what_was_integrated(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    built = build(root, tmp_path / "f.h5", "toy", settings(), 1)
    both = load(tmp_path / "f.h5")
    assert both.names == sorted(both.names) and both.classes == ["a", "b"] == built.header.classes
    assert both.header == built.header
    assert both.frames.shape == (18, 4, 2, 8, 8) and both.frames.dtype == np.uint8
    for index in (0, 9, 17):
        events = read_events(root / both.names[index])
        np.testing.assert_array_equal(both.frames[index], integrate(events, 4, (16, 16), (8, 8), resize="bin"))
        assert both.classes[both.labels[index]] == both.names[index][0]
    train, test = load(tmp_path / "f.h5", 0), load(tmp_path / "f.h5", 1)
    assert len(train.labels) == 12 and len(test.labels) == 6
    assert not set(train.names) & set(test.names)
    with h5py.File(tmp_path / "f.h5") as file:
        assert file["ended"][:].tolist() == [[75, 150, 225, 300]] * 18
        assert set(file) == {"frames", "label", "split", "name", "ended", "ended_us"}
        assert not {key for key in file.attrs if key in ("time", "host", "path", "created")}


def test_the_ends_of_frames_by_hand() -> None:
    times = [100, 110, 120, 130, 400, 410, 500]
    events = events_from(times, [1] * 7, [1] * 7, [True] * 7)
    # By number: 7 // 3 = 2 events each, the last takes the remainder.
    ended, ended_us = frame_ends(events, settings(steps=3))
    assert ended.tolist() == [2, 4, 7] and ended_us.tolist() == [10, 30, 400]
    # By time: slices of 100 us; nothing comes in the second and third.
    ended, ended_us = frame_ends(events, settings(steps=4, split_by="time"))
    assert ended.tolist() == [4, 4, 4, 7] and ended_us.tolist() == [30, 30, 30, 400]
    # Fewer events than frames: all in the last.
    ended, ended_us = frame_ends(events[:3], settings(steps=4))
    assert ended.tolist() == [0, 0, 0, 3] and ended_us.tolist() == [0, 0, 0, 20]
    assert ended.dtype == ended_us.dtype == np.int64


def test_ends_stay_with_their_recording(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw", events=301)
    aedat2.write(root / "b" / "b_7.aedat", events_from(range(5, 25), [3] * 20, [3] * 20, [True] * 20))
    (root / "a" / "a_7.aedat").write_bytes(b"nothing")
    build(root, tmp_path / "f.h5", "toy", settings(bad_recordings="skip"), 1)
    test = load(tmp_path / "f.h5", 1)
    row = test.names.index("b/b_7.aedat")
    assert test.ended[row].tolist() == [5, 10, 15, 20] and test.ended_us[row].tolist() == [4, 9, 14, 19]
    assert {tuple(ends) for index, ends in enumerate(test.ended.tolist()) if index != row} == {(75, 150, 225, 301)}
    # Events are counted before the frames are made smaller.
    dropped = settings(resize="nearest", bad_recordings="skip")
    built = build(root, tmp_path / "n.h5", "toy", dropped, 1)
    assert built.events == 16 * 301 + 20 > built.counted
    np.testing.assert_array_equal(load(tmp_path / "n.h5", 1).ended, test.ended)


@pytest.mark.parametrize("split_by", ["number", "time"])
def test_recordings_split_anew_are_the_same_recordings(tmp_path: Path, split_by: str) -> None:
    """Whatever the number of frames: same names and sides, and all events, so that frames add up to one another."""
    root = recordings(tmp_path / "raw", events=307)
    made = {}
    for steps in (1, 2, 5, 10):
        changed = settings(steps=steps, split_by=split_by, resize="nearest", validation=Validation(share=0.3, seed=1))
        build(root, tmp_path / f"t{steps}.h5", "toy", changed, 1)
        made[steps] = load(tmp_path / f"t{steps}.h5")
    one = made.pop(1)
    assert one.frames.max() > 0
    for steps, other in made.items():
        assert other.names == one.names and other.header.manifest == one.header.manifest
        assert other.header.sources == one.header.sources and other.frames.shape[1] == steps
        for side in (0, 1, 2):
            assert load(tmp_path / f"t{steps}.h5", side).names == load(tmp_path / "t1.h5", side).names != []
        np.testing.assert_array_equal(other.frames.sum(1), one.frames[:, 0])
        np.testing.assert_array_equal(other.ended[:, -1:], one.ended)
        np.testing.assert_array_equal(other.ended_us[:, -1:], one.ended_us)
    # Cuts of two frames are cuts of ten too, by time.
    if split_by == "time":
        np.testing.assert_array_equal(made[10].frames[:, :5].sum(1), made[2].frames[:, 0])


def test_same_bytes_for_any_number_of_workers_and_other_bytes_for_other_events(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    files = [tmp_path / "1.h5", tmp_path / "2.h5", tmp_path / "3.h5"]
    build(root, files[0], "toy", settings(), 1)
    build(root, files[1], "toy", settings(), 2)
    assert files[0].read_bytes() == files[1].read_bytes()
    aedat2.write(root / "a" / "a_0.aedat", events_from([5], [1], [1], [True]))
    build(root, files[2], "toy", settings(), 1)
    assert load(files[0]).header.sources != load(files[2]).header.sources


def test_every_bad_recording_is_listed_and_the_old_file_stays(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    target = tmp_path / "f.h5"
    build(root, target, "toy", settings(), 1)
    before = target.read_bytes()
    (root / "a" / "a_1.aedat").write_bytes(b"nothing")
    (root / "b" / "b_2.aedat").write_bytes((root / "b" / "b_2.aedat").read_bytes()[:-3])
    aedat2.write(root / "b" / "b_3.aedat", events_from([5], [16], [1], [True]))
    for workers in (1, 2):
        with pytest.raises(FileError, match="3 of 18 recordings") as error:
            build(root, target, "toy", settings(), workers)
        message = str(error.value)
        assert all(name in message for name in ("a_1.aedat", "b_2.aedat", "b_3.aedat", "off the sensor", "cut within"))
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["f.h5"]


def spoil(root: Path) -> None:
    (root / "a" / "a_1.aedat").write_bytes(b"nothing")
    (root / "b" / "b_8.aedat").write_bytes((root / "b" / "b_8.aedat").read_bytes()[:-3])


def test_bad_recordings_are_left_out_when_asked_for(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    build(root, tmp_path / "whole.h5", "toy", settings(), 1)
    spoil(root)
    skip = settings(bad_recordings="skip")
    files = [tmp_path / "1.h5", tmp_path / "2.h5"]
    built, _ = [build(root, file, "toy", skip, workers) for workers, file in enumerate(files, start=1)]
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


def test_a_side_that_is_all_bad_is_an_error(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw", per_class=7)
    for name in ("a", "b"):
        (root / name / f"{name}_6.aedat").write_bytes(b"nothing")
    with pytest.raises(FileError, match="no test recording is left after 2 bad ones"):
        build(root, tmp_path / "f.h5", "toy", settings(bad_recordings="skip"), 1)
    assert not (tmp_path / "f.h5").exists()


def test_the_same_recording_on_two_sides_is_an_error_in_any_format(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    (root / "a" / "a_1.aedat").write_bytes((root / "a" / "a_0.aedat").read_bytes())
    build(root, tmp_path / "f.h5", "toy", settings(), 1)  # both for training
    events = read_events(root / "b" / "b_2.aedat")
    (root / "b" / "b_7.aedat").unlink()
    npz.write(root / "b" / "b_7.npz", events)
    for mode in ("fail", "skip"):
        with pytest.raises(FileError, match="1 recordings are the same on two sides") as error:
            build(root, tmp_path / "f.h5", "toy", settings(bad_recordings=mode), 1)
        assert "b/b_2.aedat = b/b_7.npz" in str(error.value)


def test_a_validation_part_is_a_side_of_its_own(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    build(root, tmp_path / "f.h5", "toy", settings(), 1)
    whole = load(tmp_path / "f.h5", 0)
    built = build(root, tmp_path / "v.h5", "toy", settings(validation=Validation(share=0.4, seed=1)), 1)
    train, test, part = (load(tmp_path / "v.h5", side) for side in (0, 1, 2))
    assert (built.train, built.validation, built.test) == (8, 4, 6) == tuple(len(s.names) for s in (train, part, test))
    assert sorted(train.names + part.names) == whole.names and part.header.validation == "share: 0.4, seed: 1"
    # The manifest names the split; a part cut from the training side is no other split.
    assert part.header.manifest == whole.header.manifest != ""


def test_spikingjellys_npz_and_the_original_give_the_same_frames(tmp_path: Path) -> None:
    """x = 127 - y', y = 127 - x', p = 1 - p': SpikingJelly's reader of CIFAR10-DVS, undone as params.yaml says."""
    cifar = load_params().dataset("cifar10dvs").integrate
    rng = np.random.default_rng(5)
    for index in range(2):
        x, y = rng.integers(0, 128, (2, 4000))
        events = events_from(np.sort(rng.integers(0, 9999, 4000)), x, y, rng.random(4000) < 0.4)
        for form in ("original", "npz"):
            (tmp_path / form / "cat").mkdir(parents=True, exist_ok=True)
        stem = f"cifar10_cat_{index + 899}"
        aedat2.write(tmp_path / "original" / "cat" / f"{stem}.aedat", events)
        other = events_from(events["t"], 127 - y, 127 - x, ~events["p"])
        npz.write(tmp_path / "npz" / "cat" / f"{stem}.npz", other)
    for changes in ({}, {"resize": "area"}, {"frame_size": [128, 128]}):
        changed = cifar.model_copy(update=changes)
        for form in ("original", "npz"):
            build(tmp_path / form, tmp_path / f"{form}.h5", "cifar10dvs", changed, 1)
        original, copy = load(tmp_path / "original.h5"), load(tmp_path / "npz.h5")
        np.testing.assert_array_equal(original.frames, copy.frames)
        assert original.header.manifest == copy.header.manifest
        assert original.header.orientation == ["npz: transpose flip_x flip_y invert"]


def test_left_out_recordings_are_told_beside_the_published_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in DATASETS["cifar10dvs"].classes:
        (tmp_path / "raw" / name).mkdir(parents=True)
        for index in (0, 1, 950):
            made = events_from(np.arange(20), *rng.integers(0, 16, (2, 20)), rng.random(20) < 0.5)
            aedat2.write(tmp_path / "raw" / name / f"cifar10_{name}_{index}.aedat", made)
    (tmp_path / "raw/cat/cifar10_cat_1.aedat").write_bytes(b"")
    changed = load_params().dataset("cifar10dvs").integrate.model_copy(update={"bad_recordings": "skip"})
    built = build(tmp_path / "raw", tmp_path / "f.h5", "cifar10dvs", changed, 1)
    assert built.header.published.endswith(", without the 1 bad recordings left out")
    assert built.header.skipped == ["cat/cifar10_cat_1.aedat: is empty, 0 bytes; get it again"]


def test_another_data_set_in_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is not cifar10dvs, which has no class a, b"):
        build(recordings(tmp_path / "raw"), tmp_path / "f.h5", "cifar10dvs", settings(), 1)


def test_counts_above_255_are_an_error_or_clipped_and_counted(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    aedat2.write(root / "a" / "a_0.aedat", events_from(range(1200), [3] * 1200, [3] * 1200, [True] * 1200))
    with pytest.raises(FileError, match=r"a_0\.aedat: 4 counts above 255, the largest 300.*clip: true"):
        build(root, tmp_path / "f.h5", "toy", settings(), 1)
    assert not (tmp_path / "f.h5").exists()
    built = build(root, tmp_path / "f.h5", "toy", settings(clip=True), 1)
    assert built.header.clipped == 4 and built.counted == built.events == 17 * 300 + 1200
    assert load(tmp_path / "f.h5").frames[0, :, 1, 1, 1].tolist() == [255] * 4


def test_missing_recordings_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such folder"):
        build(tmp_path / "none", tmp_path / "f.h5", "toy", settings(), 1)
    (tmp_path / "raw" / "a").mkdir(parents=True)
    with pytest.raises(FileError, match="no recordings"):
        build(tmp_path / "raw", tmp_path / "f.h5", "toy", settings(), 1)


def test_damaged_frames_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    with pytest.raises(FramesError, match=r"f\.h5: not found.*dvc repro"):
        load(path)
    build(recordings(tmp_path / "raw"), path, "toy", settings(), 1)
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
    path.write_bytes(data)
    with h5py.File(path, "a") as file:
        del file["frames"]
    with pytest.raises(FramesError, match="damaged"):
        load(path)
