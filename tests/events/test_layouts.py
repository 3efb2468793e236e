"""Data sets as they lie on disk: class folders, Train and Test folders, DVS128 Gesture with its label files."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.config.splits import GivenSplit, NumericSplit
from pipeline.errors import FileError
from pipeline.events import aedat2, atis, npy
from pipeline.events.listing import GESTURES, list_recordings
from pipeline.events.types import events_from
from pipeline.frames.store import load
from tests import npz
from tests.frames import toy

LABELS = "class,startTime_usec,endTime_usec\n"


def settings(layout: str, side: int):
    split = NumericSplit(rule="numeric", train=30) if layout == "classes" else GivenSplit(rule="given")
    return toy.settings(layout=layout, steps=2, sensor=[side, side], frame_size=[side, side], split=split)


def events(count: int, side: int, end: int = 1000, seed: int = 0):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, side, (2, count))
    return events_from(np.sort(rng.integers(0, end, count)), x, y, rng.random(count) < 0.5)


def nmnist(root: Path) -> Path:
    for side, count in (("Train", 3), ("Test", 2)):
        for digit in "01":
            (root / side / digit).mkdir(parents=True)
            for index in range(count):
                seed = index + 10 * int(digit) + 100 * (side == "Test")
                atis.write(root / side / digit / f"{index:05}.bin", events(50, 34, seed=seed))
    return root


def gesture(root: Path) -> Path:
    root.mkdir()
    for trial, labels in (("user01_led", "1,0,400\n2,400,900\n"), ("user24_lab", "11,100,1000\n2,500,700\n")):
        aedat2.write(root / f"{trial}.aedat", events(500, 128, seed=len(labels)))
        (root / f"{trial}_labels.csv").write_text(LABELS + labels)
    (root / "trials_to_train.txt").write_text("user01_led.aedat\n")
    (root / "trials_to_test.txt").write_text("user24_lab.aedat\n\n")
    return root


def test_train_and_test_folders(tmp_path: Path) -> None:
    root = nmnist(tmp_path / "raw")
    listing = list_recordings(root, "sides")
    assert listing.classes == ["0", "1"] and len(listing.recordings) == 10
    assert listing.names == sorted(listing.names) and listing.names[0] == "Test/0/00000.bin"
    toy.build_one(root, tmp_path / "f.h5", "toy", settings("sides", 34), 1)
    assert len(load(tmp_path / "f.h5", 0).labels) == 6 and len(load(tmp_path / "f.h5", 1).labels) == 4
    (root / "Test").rename(root / "Validation")
    with pytest.raises(FileError, match="expected the folders Train and Test"):
        list_recordings(root, "sides")


def recut(root: Path) -> Path:
    for index, (side, trial) in enumerate((("Train", "user01_led"), ("Train", "user02_lab"), ("Test", "user24_led"))):
        folder = root / f"ibmGesture{side}" / trial
        folder.mkdir(parents=True)
        for label in (0, 2, 10):
            made = events(60, 128, end=90, seed=20 * index + label)
            made["t"] *= 1000
            npy.write(folder / f"{label}.npy", made)
    return root


def test_tonics_gestures_are_classes_by_file_name(tmp_path: Path) -> None:
    root = recut(tmp_path / "raw")
    listing = list_recordings(root, "dvsgesture_tonic")
    assert listing.classes == GESTURES and len(listing.recordings) == 9
    assert listing.names[:3] == [f"ibmGestureTest/user24_led/{label}.npy" for label in (0, 10, 2)]
    assert listing.labels[:3] == [0, 10, 2]
    assert {(r.subject, r.side) for r in listing.recordings} == {("user01", 0), ("user02", 0), ("user24", 1)}
    toy.build_one(root, tmp_path / "f.h5", "dvsgesture-tonic", settings("dvsgesture_tonic", 128), 1)
    with pytest.raises(FileError, match="is Tonic's DVS128 Gesture.*another data set than the original"):
        toy.build_one(root, tmp_path / "g.h5", "dvsgesture", settings("dvsgesture_tonic", 128), 1)
    assert len(load(tmp_path / "f.h5", 0).labels) == 6
    for name in ("11", "00", "x"):
        stray = root / f"ibmGestureTest/user24_led/{name}.npy"
        stray.write_bytes(b"")
        with pytest.raises(FileError, match=rf"{name}\.npy: expected the class, 0..10"):
            list_recordings(root, "dvsgesture_tonic")
        stray.unlink()


def test_the_two_forms_of_dvs128_gesture_are_never_mixed(tmp_path: Path) -> None:
    original, other = gesture(tmp_path / "original"), recut(tmp_path / "recut")
    with pytest.raises(FileError, match=r"trials_to_train\.txt: cannot be read"):
        list_recordings(other, "dvsgesture")
    with pytest.raises(FileError, match="expected the folders ibmGestureTrain and ibmGestureTest"):
        list_recordings(original, "dvsgesture_tonic")
    (other / "ibmGestureTrain").rename(original / "ibmGestureTrain")
    for lists in ("there", "gone"):
        for layout in ("dvsgesture", "dvsgesture_tonic"):
            with pytest.raises(FileError, match=r"two forms at once, IBM's .* and Tonic's .*folder of its own"):
                list_recordings(original, layout)
        if lists == "there":
            for path in original.glob("trials_to_*.txt"):
                path.unlink()


@pytest.mark.parametrize("layout", ["classes", "sides"])
def test_classes_beside_sides_are_an_error(tmp_path: Path, layout: str) -> None:
    root = nmnist(tmp_path / "raw")
    (root / "cat").mkdir()
    # Nothing to read: no form yet.
    (root / "cat/notes.txt").write_text("")
    assert len(list_recordings(root, "sides").recordings) == 10
    atis.write(root / "cat/1.bin", events(9, 34))
    with pytest.raises(
        FileError, match=r"folders of the sides \(Test, \.\.\.\) and folders of classes \(cat\); move one"
    ):
        list_recordings(root, layout)


def test_train_may_be_a_class(tmp_path: Path) -> None:
    for name in ("plane", "train"):
        (tmp_path / name).mkdir()
        atis.write(tmp_path / name / "1.bin", events(9, 34))
    assert list_recordings(tmp_path).classes == ["plane", "train"]


def test_numbered_classes_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for label in range(11):
        for side, user in (("train", "user01"), ("test", "user24")):
            (tmp_path / side / str(label)).mkdir(parents=True)
            npz.write(tmp_path / side / str(label) / f"{user}_led_0.npz", events(9, 128, seed=label))
    listing = list_recordings(tmp_path, "sides")
    assert listing.classes == [str(label) for label in range(11)]
    assert {recording.subject for recording in listing.recordings if recording.side == 0} == {"user01"}


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (("10", "9", "0"), ["0", "9", "10"]),
        (("01", "1", "001", "0"), ["0", "001", "01", "1"]),
        (("10", "9", "x"), ["10", "9", "x"]),
        (("²", "10", "9"), ["10", "9", "²"]),
    ],
)
def test_class_folders_are_sorted_as_numbers_where_all_are(
    tmp_path: Path, names: tuple[str, ...], ordered: list[str]
) -> None:
    for name in names:
        (tmp_path / name).mkdir()
        atis.write(tmp_path / name / "1.bin", events(9, 34))
    assert list_recordings(tmp_path).classes == ordered


def test_one_recording_in_two_formats_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    aedat2.write(tmp_path / "cat" / "a_1.aedat", events(9, 128))
    npz.write(tmp_path / "cat" / "a_1.npz", events(9, 128))
    with pytest.raises(FileError, match=r"a_1\.aedat and a_1\.npz, one recording in two formats"):
        list_recordings(tmp_path)


def test_gestures_are_cut_by_half_open_windows(tmp_path: Path) -> None:
    root = gesture(tmp_path / "raw")
    listing = list_recordings(root, "dvsgesture")
    assert listing.classes == GESTURES and len(GESTURES) == 11
    assert listing.names == [
        "user01_led/00_hand_clapping", "user01_led/01_right_hand_wave",
        "user24_lab/00_other_gestures", "user24_lab/01_right_hand_wave",
    ]  # fmt: skip
    assert [recording.subject for recording in listing.recordings] == ["user01"] * 2 + ["user24"] * 2
    toy.build_one(root, tmp_path / "f.h5", "toy", settings("dvsgesture", 128), 1)
    whole = aedat2.decode((root / "user01_led.aedat").read_bytes(), "x")
    with h5py.File(tmp_path / "f.h5") as file:
        assert file["split"][:].tolist() == [0, 0, 1, 1] and file["label"][:].tolist() == [0, 1, 10, 1]
        assert file["events_until"][:2, -1].tolist() == [
            ((whole["t"] >= start) & (whole["t"] < end)).sum() for start, end in ((0, 400), (400, 900))
        ]
        assert file["frames"][:].sum(axis=(1, 2, 3, 4)).tolist() == file["events_until"][:, -1].tolist()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("user01_led_labels.csv", LABELS + "12,0,400\n", "class 12 .*expected 1..11"),
        ("user01_led_labels.csv", LABELS + "1,400,400\n", "start before end"),
        ("user01_led_labels.csv", "klass,start,end\n1,0,1\n", "not readable as class"),
        ("user01_led_labels.csv", LABELS + "1,zero,400\n", "not readable as class"),
        ("user01_led_labels.csv", LABELS + "1,5000,9000\n", "no event from 5000 to 9000 us; other labels"),
        (
            "trials_to_train.txt",
            "user02_led.aedat\n",
            r"user02_led\.aedat: named in trials_to_train\.txt but not there",
        ),
    ],
)
def test_labels_that_do_not_fit_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    root = gesture(tmp_path / "raw")
    (root / name).write_text(text)
    with pytest.raises(FileError, match=message):
        toy.build_one(root, tmp_path / "f.h5", "toy", settings("dvsgesture", 128), 1)
    assert not (tmp_path / "f.h5").exists()


def test_missing_lists_and_unknown_layouts(tmp_path: Path) -> None:
    root = gesture(tmp_path / "raw")
    (root / "trials_to_test.txt").unlink()
    with pytest.raises(FileError, match=r"trials_to_test\.txt: cannot be read"):
        list_recordings(root, "dvsgesture")
    with pytest.raises(ValueError, match="did you mean 'classes'"):
        list_recordings(root, "classe")
    with pytest.raises(FileError, match="no recordings of the layout 'classes'"):
        list_recordings(root, "classes")


@pytest.mark.parametrize("name", [b"x\xff.bin", b"x\n.bin"])
def test_a_name_that_is_no_text_is_refused(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "ü\u3000[1].bin").write_bytes(bytes(5))
    assert list_recordings(tmp_path).names == ["a/ü\u3000[1].bin"]
    (tmp_path / "a" / os.fsdecode(name)).write_bytes(bytes(5))
    with pytest.raises(FileError, match=r"the name 'a/x\\(udcff|n)\.bin' has control characters or is no text"):
        list_recordings(tmp_path)
