"""The public data sets as published: their counts add up, and their splits have committed digests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.config.splits import GivenSplit, LexicographicSplit, NumericSplit
from pipeline.events.listing import GESTURES, Listing, Recording
from pipeline.events.published import (
    DATASETS,
    DIGESTS,
    another_set,
    compare,
    expected,
    foreign_classes,
    identities,
    manifest_digest,
    published_digest,
    trials,
)
from pipeline.events.sides import TEST, TRAIN, VALIDATION
from pipeline.events.splits import assign, describe

NUMERIC = NumericSplit(rule="numeric", train=900)


def cifar(suffix: str = "aedat") -> list[Recording]:
    classes = list(DATASETS["cifar10dvs"].classes)
    names = sorted(f"{name}/cifar10_{name}_{index}.{suffix}" for name in classes for index in range(1000))
    return [Recording(name, Path(name), classes.index(name.partition("/")[0])) for name in names]


def test_counts_add_up() -> None:
    for published in DATASETS.values():
        counts = list(published.classes.values())
        if None not in counts:
            assert sum(filter(None, counts)) - published.short == published.recordings
        if published.train_test is not None:
            assert sum(published.train_test) == published.recordings
    assert len(DATASETS["ncaltech101"].classes) == 101
    # The multiples of 1/914 that the paper's figures are.
    counts = DATASETS["ncaltech101"].classes.values()
    assert sum(int(0.9 * (count or 0)) for count in counts) == 7795
    assert (len(trials(TRAIN)), len(trials(TEST))) == (98, 24)
    assert {trial[:6] for trial in trials(TEST)} == {f"user{number}" for number in range(24, 30)}


def test_committed_digests_are_those_of_the_rules() -> None:
    committed = json.loads(DIGESTS.read_text())
    assert committed == {name: expected(name) for name in DATASETS if expected(name)}
    assert set(committed) == {"cifar10dvs", "ncaltech101", "dvsgesture", "nmnist"}
    digests = [digest for splits in committed.values() for digest in splits.values()]
    assert len(set(digests)) == len(digests) == 6


def test_a_complete_copy_is_as_published_in_any_format() -> None:
    for suffix in ("aedat", "npz", "aedat4"):
        recordings = cifar(suffix)
        digest = manifest_digest("cifar10dvs", recordings, assign(recordings, NUMERIC))
        assert (
            compare("cifar10dvs", describe(NUMERIC), digest) == "as published: CIFAR10-DVS, split numeric, train: 900"
        )


def test_one_recording_more_less_or_moved_is_noticed() -> None:
    recordings = cifar()
    sides = assign(recordings, NUMERIC)
    whole = manifest_digest("cifar10dvs", recordings, sides)
    moved = [1 - sides[0], *sides[1:]]
    others = [
        manifest_digest("cifar10dvs", recordings[1:], sides[1:]),
        manifest_digest("cifar10dvs", recordings, moved),
        manifest_digest("cifar10dvs", [*recordings, recordings[0]], [*sides, 0]),
    ]
    assert len({whole, *others}) == 4
    assert all("not the published split" in compare("cifar10dvs", describe(NUMERIC), digest) for digest in others)
    # A validation part is cut from the training side of the same split; the order of a listing is nothing.
    cut = [VALIDATION if index % 7 == 0 and side == TRAIN else side for index, side in enumerate(sides)]
    assert manifest_digest("cifar10dvs", recordings, cut) == whole
    assert manifest_digest("cifar10dvs", recordings[::-1], sides[::-1]) == whole
    assert compare("cifar10dvs", "numeric, train: 800", whole) == compare("toy", "given", whole) == ""


def test_gesture_copies_of_both_forms_have_one_digest() -> None:
    given = GivenSplit(rule="given")
    original = [
        Recording(f"{trial}/{row:02}_{GESTURES[min(row, 10)]}", Path(trial), min(row, 10), (0, 1), side, trial[:6])
        for side in (TRAIN, TEST)
        for trial in trials(side)
        for row in range(12)
    ]
    folder = {TRAIN: "train", TEST: "test"}
    copy = [
        Recording(f"{folder[side]}/{label}/{trial}_{number}.npz", Path(trial), label, None, side, trial[:6])
        for side in (TRAIN, TEST)
        for trial in trials(side)
        for label, number in [*((label, 0) for label in range(11)), (7, 1)]
    ]
    for recordings in (original, copy):
        digest = manifest_digest("dvsgesture", recordings, assign(recordings, given))
        assert compare("dvsgesture", "given", digest).startswith("as published")


def test_caltech_goes_by_class_and_number() -> None:
    split = LexicographicSplit(rule="lexicographic", share=0.9)
    # Folders of another case, in another order.
    classes = sorted(DATASETS["ncaltech101"].classes, key=str.lower)
    recordings = [
        Recording(f"{name.lower()}/image_{index:04}.npz", Path(name), label)
        for label, name in enumerate(classes)
        for index in range(1, (DATASETS["ncaltech101"].classes[name] or 0) + 1)
    ]
    digest = manifest_digest("ncaltech101", recordings, assign(recordings, split))
    assert compare("ncaltech101", describe(split), digest).startswith("as published")


def listing(*names: str) -> Listing:
    classes = sorted({name.partition("/")[0] for name in names})
    recordings = [Recording(name, Path(name), classes.index(name.partition("/")[0])) for name in names]
    return Listing(Path("x"), classes, recordings)


def test_classes_are_held_against_the_published_ones() -> None:
    found = listing("airplane/1.aedat", "Cat/1.aedat", "zebra/1.aedat")
    assert foreign_classes("cifar10dvs", found) == ["zebra"] and foreign_classes("toy", found) == []
    assert foreign_classes("dvsgesture", listing("0/a.npz", "10/a.npz")) == []
    assert foreign_classes("dvsgesture", listing("11/a.npz")) == ["11"]


@pytest.mark.parametrize("dataset", ["toy", "folder"])
def test_other_sets_go_by_name_without_suffix(dataset: str) -> None:
    one, two = listing("a/x.aedat", "a/y.aedat"), listing("a/x.npz", "a/y.npz")
    assert manifest_digest(dataset, one.recordings, [0, 1]) == manifest_digest(dataset, two.recordings, [0, 1])
    assert manifest_digest(dataset, one.recordings, [0, 1]) != manifest_digest(dataset, one.recordings, [1, 0])


def test_names_with_dots_stay_apart() -> None:
    one, two = (Recording(f"a/x.{part}.npz", Path(f"x.{part}.npz"), 0) for part in (1, 2))
    assert identities("toy", [one, two]) == ["a/x.1", "a/x.2"]
    assert manifest_digest("toy", [one], [0]) != manifest_digest("toy", [two], [0])


def test_what_a_recording_is_known_by() -> None:
    def known(
        dataset: str, name: str, file: str, side: int | None = None, window: tuple[int, int] | None = None
    ) -> str:
        return identities(dataset, [Recording(name, Path(file), 0, window, side)])[0]

    assert known("cifar10dvs", "Airplane/cifar10_airplane_7.aedat4", "cifar10_airplane_7.aedat4") == "airplane/7"
    assert known("ncaltech101", "Faces_easy/image_0007.bin", "image_0007.bin") == "faces_easy/7"
    assert known("dvsgesture", "user01_led/03_air_drums", "user01_led.aedat", 0, (0, 1)) == "user01_led/0"
    assert known("dvsgesture", "test/7/user24_led_1.npz", "user24_led_1.npz", 1) == "user24_led/0"
    assert known("nmnist", "Test/3/00012.bin", "00012.bin", TEST) == "test/12"


def test_the_two_dvs128_gestures_are_told_apart() -> None:
    recut = listing("ibmGestureTrain/user01_led/0.npy", "ibmGestureTest/user24_led/0.npy")
    original = listing("user01_led/00_hand_clapping", "user24_led/00_hand_clapping")
    assert another_set("dvsgesture", original) == another_set("dvsgesture-tonic", recut) == ""
    assert "place it as data/raw/dvsgesture-tonic" in another_set("dvsgesture", recut)
    assert another_set("dvsgesture-tonic", original).endswith("place it as data/raw/dvsgesture")
    assert another_set("toy", recut) == ""
    # One of Tonic's 1,078 training files is missing, so nobody can say what its split's digest is.
    assert expected("dvsgesture-tonic") == {} and published_digest("dvsgesture-tonic", "given") is None
