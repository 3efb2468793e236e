"""The frames file: the same bytes always, damage named, nothing half-written left."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from pipeline.config.splits import ListedSplit, NumericSplit, Validation
from pipeline.errors import ConfigError, FileError
from pipeline.events import aedat2
from pipeline.events.published import DATASETS
from pipeline.events.read import read_events
from pipeline.events.types import events_from
from pipeline.frames.build import build
from pipeline.frames.integrate import Slices, integrate
from pipeline.frames.store import load
from tests import npz
from tests.frames.toy import build_one, recordings, settings, wanted_file

CIFAR = {
    "orientation": {"npz": ["transpose", "flip_x", "flip_y", "invert"]}, "steps": 10, "sensor": [128, 128],
    "frame_size": [48, 48], "resize": "nearest", "clip": True, "split": NumericSplit(rule="numeric", train=900),
}  # fmt: skip


def test_file_holds_what_was_integrated(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    built = build_one(root, tmp_path / "f.h5", "toy", settings(), 1)
    both = load(tmp_path / "f.h5")
    assert both.names == sorted(both.names) and both.header.classes == ["a", "b"] == built.default.header.classes
    assert both.header == built.default.header
    assert both.frames.shape == (18, 4, 2, 8, 8) and both.frames.dtype == np.uint8
    for index in (0, 9, 17):
        events = read_events(root / both.names[index])
        np.testing.assert_array_equal(both.frames[index], integrate(events, 4, (16, 16), (8, 8), resize="bin"))
        assert both.header.classes[both.labels[index]] == both.names[index][0]
    train, test = load(tmp_path / "f.h5", 0), load(tmp_path / "f.h5", 1)
    assert len(train.labels) == 12 and len(test.labels) == 6
    assert not set(train.names) & set(test.names)
    with h5py.File(tmp_path / "f.h5") as file:
        assert file["events_until"][:].tolist() == [[75, 150, 225, 300]] * 18
        assert set(file) == {"frames", "label", "split", "name", "events", "events_until", "time_until_us", "header"}
        assert dict(file.attrs) == {"schema": 5}
        assert not set(json.loads(file["header"][()])) & {"time", "host", "path", "created"}


def test_the_ends_of_frames_by_hand() -> None:
    times = [100, 110, 120, 130, 400, 410, 500]
    events = events_from(times, [1] * 7, [1] * 7, [True] * 7)
    # By number: 7 // 3 = 2 events each, the last takes the remainder.
    events_until, time_until_us = Slices(events, (16, 16)).ends(3)
    assert events_until.tolist() == [2, 4, 7] and time_until_us.tolist() == [10, 30, 400]
    # By time: slices of 100 us; nothing comes in the second and third.
    events_until, time_until_us = Slices(events, (16, 16)).ends(4, "time")
    assert events_until.tolist() == [4, 4, 4, 7] and time_until_us.tolist() == [30, 30, 30, 400]
    # Fewer events than frames: all in the last.
    events_until, time_until_us = Slices(events[:3], (16, 16)).ends(4)
    assert events_until.tolist() == [0, 0, 0, 3] and time_until_us.tolist() == [0, 0, 0, 20]
    assert events_until.dtype == time_until_us.dtype == np.int64


def test_ends_stay_with_their_recording(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw", events=301)
    aedat2.write(root / "b" / "b_7.aedat", events_from(range(5, 25), [3] * 20, [3] * 20, [True] * 20))
    (root / "a" / "a_7.aedat").write_bytes(b"nothing")
    build_one(root, tmp_path / "f.h5", "toy", settings(bad_recordings="skip"), 1)
    test = load(tmp_path / "f.h5", 1)
    row = test.names.index("b/b_7.aedat")
    assert test.events_until[row].tolist() == [5, 10, 15, 20] and test.time_until_us[row].tolist() == [4, 9, 14, 19]
    assert {tuple(ends) for index, ends in enumerate(test.events_until.tolist()) if index != row} == {
        (75, 150, 225, 301)
    }
    # Events are counted before the frames are made smaller.
    dropped = settings(resize="nearest", bad_recordings="skip")
    built = build_one(root, tmp_path / "n.h5", "toy", dropped, 1)
    assert built.events == 16 * 301 + 20 > built.default.counted
    np.testing.assert_array_equal(load(tmp_path / "n.h5", 1).events_until, test.events_until)


WANTED = st.tuples(st.integers(1, 12), st.sampled_from([(8, 8), (5, 7), (16, 16)]), st.sampled_from(["number", "time"]))


@pytest.mark.parametrize("slice_by", ["number", "time"])
def test_files_of_other_lengths_hold_the_same_recordings(tmp_path: Path, slice_by: str) -> None:
    """Whatever the number of frames: same names and sides, and all events, so that frames add up to one another."""
    root = recordings(tmp_path / "raw", events=307)
    chosen = settings(slice_by=slice_by, resize="nearest", validation=Validation(share=0.3, seed=1))
    wanted = [wanted_file(steps, slice_by=slice_by) for steps in (10, 1, 2, 5)]
    build(root, tmp_path / "f", "toy", chosen, wanted, 1)
    paths = {file.steps: tmp_path / "f" / file.name for file in wanted}
    made = {steps: load(path) for steps, path in paths.items()}
    one = made.pop(1)
    assert one.frames.max() > 0
    for steps, other in made.items():
        assert other.names == one.names and other.header.manifest == one.header.manifest
        assert other.header.sources == one.header.sources and other.frames.shape[1] == steps
        for side in (0, 1, 2):
            assert load(paths[steps], side).names == load(paths[1], side).names != []
        np.testing.assert_array_equal(other.frames.sum(1), one.frames[:, 0])
        np.testing.assert_array_equal(other.events_until[:, -1:], one.events_until)
        np.testing.assert_array_equal(other.time_until_us[:, -1:], one.time_until_us)
    # Cuts of two frames are cuts of ten too, by time.
    if slice_by == "time":
        np.testing.assert_array_equal(made[10].frames[:, :5].sum(1), made[2].frames[:, 0])


@settings_of(max_examples=12, deadline=None)
@given(st.lists(WANTED, max_size=5), st.data())
def test_a_file_is_the_same_whatever_else_is_wanted(tmp_path_factory, wanted, data) -> None:
    root = tmp_path_factory.mktemp("f")
    recordings(root / "raw", per_class=7, events=data.draw(st.integers(1, 40)))
    chosen = settings(slice_by=data.draw(st.sampled_from(["number", "time"])))
    files = [wanted_file(*file) for file in wanted]
    built = build(root / "raw", root / "all", "toy", chosen, files, 1)
    assert [entry.file for entry in built.files[:1]] == [chosen.file]
    names = {file.name for file in [*files, chosen.file]}
    assert {path.name for path in (root / "all").iterdir()} == {*names, "facts.json"}
    for file in files:
        alone = chosen.model_copy(update=file.model_dump())
        build_one(root / "raw", root / "one.h5", "toy", alone, 1)
        assert (root / "one.h5").read_bytes() == (root / "all" / file.name).read_bytes()


def test_files_by_number_and_by_time_lie_side_by_side(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    built = build(root, tmp_path / "f", "toy", settings(), [wanted_file(4, slice_by="time")], 1)
    assert [entry.file.name for entry in built.files] == ["t4-8x8.h5", "t4-8x8-time.h5"]
    by_number, by_time = (load(tmp_path / "f" / entry.file.name) for entry in built.files)
    assert (by_number.header.slice_by, by_time.header.slice_by) == ("number", "time")
    np.testing.assert_array_equal(by_number.frames.sum(1), by_time.frames.sum(1))
    assert (by_number.events_until[:, 0] == 75).all() and (by_time.events_until[:, 0] != 75).any()
    assert [entry["slice_by"] for entry in built.facts()["files"]] == ["number", "time"]


def test_facts_say_what_the_files_hold(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    wanted = [wanted_file(2, (16, 16)), settings().file, wanted_file(2, (4, 8))]
    built = build(root, tmp_path / "f", "toy", settings(), wanted, 2)
    facts = json.loads((tmp_path / "f/facts.json").read_text())
    assert facts == built.facts()
    assert [entry["file"] for entry in facts["files"]] == ["t4-8x8.h5", "t2-4x8.h5", "t2-16x16.h5"]
    for entry in facts["files"]:
        path = tmp_path / "f" / entry["file"]
        assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        held = load(path)
        assert [entry["steps"], *entry["frame_size"]] == [held.header.steps, *held.header.size]
        assert (entry["train"], entry["test"], entry["counted"]) == (12, 6, 18 * 300) and held.frames.sum() == 5400
    assert (facts["classes"], facts["class_names"], facts["events"]) == (2, ["a", "b"], 5400)
    assert facts["manifest"] == load(tmp_path / "f/t4-8x8.h5").header.manifest


def test_a_size_that_cannot_be_made_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    large = wanted_file(2, (8, 17))
    with pytest.raises(ConfigError, match=r"t2-8x17\.h5: resize nearest cannot enlarge .* use resize: area"):
        build(root, tmp_path / "f", "toy", settings(resize="nearest"), [large], 1)
    build(root, tmp_path / "f", "toy", settings(resize="area"), [large], 1)
    assert load(tmp_path / "f" / large.name).frames.shape == (18, 2, 2, 8, 17)


def test_same_bytes_for_any_number_of_workers_and_other_bytes_for_other_events(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    files = [tmp_path / "1.h5", tmp_path / "2.h5", tmp_path / "3.h5"]
    build_one(root, files[0], "toy", settings(), 1)
    build_one(root, files[1], "toy", settings(), 2)
    assert files[0].read_bytes() == files[1].read_bytes()
    aedat2.write(root / "a" / "a_0.aedat", events_from([5], [1], [1], [True]))
    build_one(root, files[2], "toy", settings(), 1)
    assert load(files[0]).header.sources != load(files[2]).header.sources


def test_what_is_not_listed_changes_no_byte_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, path = recordings(tmp_path / "raw"), tmp_path / "split.csv"
    names = [f"b/{file.name}" for file in sorted((root / "b").iterdir())]
    path.write_text(
        "name,split\n" + "".join(f"{name},{'train' if i else 'test'}\n" for i, name in enumerate(names[:5]))
    )
    split = ListedSplit.model_construct(rule="listed", file=str(path), others="leave_out")
    built = build_one(root, tmp_path / "f.h5", "toy", settings(split=split), 1)
    assert (built.default.train, built.default.test, built.default.header.classes) == (4, 1, ["b"])
    assert f"toy: {18 - 5} recordings are not listed in listed, file: {path}, others: leave_out: left out" in (
        capsys.readouterr().out
    )
    shutil.rmtree(root / "a")
    (root / names[7]).unlink()
    build_one(root, tmp_path / "g.h5", "toy", settings(split=split), 1)
    assert (tmp_path / "f.h5").read_bytes() == (tmp_path / "g.h5").read_bytes()


def test_a_validation_part_is_a_side_of_its_own(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    build_one(root, tmp_path / "f.h5", "toy", settings(), 1)
    whole = load(tmp_path / "f.h5", 0)
    built = build_one(root, tmp_path / "v.h5", "toy", settings(validation=Validation(share=0.4, seed=1)), 1)
    train, test, part = (load(tmp_path / "v.h5", side) for side in (0, 1, 2))
    assert (
        (built.default.train, built.default.validation, built.default.test)
        == (8, 4, 6)
        == tuple(len(s.names) for s in (train, part, test))
    )
    assert sorted(train.names + part.names) == whole.names and part.header.validation == "share: 0.4, seed: 1"
    # The manifest names the split; a part cut from the training side is no other split.
    assert part.header.manifest == whole.header.manifest != ""


def test_spikingjellys_npz_and_the_original_give_the_same_frames(tmp_path: Path) -> None:
    """x = 127 - y', y = 127 - x', p = 1 - p': SpikingJelly's reader of CIFAR10-DVS, undone as params.yaml says."""
    cifar = settings(**CIFAR)
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
            build_one(tmp_path / form, tmp_path / f"{form}.h5", "cifar10dvs", changed, 1)
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
    changed = settings(**CIFAR, bad_recordings="skip")
    built = build_one(tmp_path / "raw", tmp_path / "f.h5", "cifar10dvs", changed, 1)
    assert built.default.header.published.endswith(", without the 1 bad recordings left out")
    assert built.default.header.skipped == ["cat/cifar10_cat_1.aedat: is empty, 0 bytes; get it again"]


def test_another_data_set_in_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is not cifar10dvs, which has no class a, b"):
        build_one(recordings(tmp_path / "raw"), tmp_path / "f.h5", "cifar10dvs", settings(), 1)


def test_counts_above_255_are_an_error_or_clipped_and_counted(tmp_path: Path) -> None:
    root = recordings(tmp_path / "raw")
    aedat2.write(root / "a" / "a_0.aedat", events_from(range(1200), [3] * 1200, [3] * 1200, [True] * 1200))
    with pytest.raises(FileError, match=r"a_0\.aedat: 4 counts above 255 in 4 frames, the largest 300.*clip: true"):
        build_one(root, tmp_path / "f.h5", "toy", settings(), 1)
    assert not (tmp_path / "f.h5").exists()
    built = build_one(root, tmp_path / "f.h5", "toy", settings(clip=True), 1)
    assert built.default.header.clipped == 4 and built.default.counted == built.events == 17 * 300 + 1200
    assert load(tmp_path / "f.h5").frames[0, :, 1, 1, 1].tolist() == [255] * 4
