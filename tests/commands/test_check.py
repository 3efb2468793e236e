"""`check` on copies of public data sets: as published, short of something, or another data set."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from pipeline.commands import compare_published
from pipeline.commands.check import as_text, check
from pipeline.config.frames import Integrate
from pipeline.config.splits import GivenSplit, LexicographicSplit, NumericSplit, Validation
from pipeline.events import npy
from pipeline.events.listing import Listing, Recording
from pipeline.events.published import DATASETS, by_rule
from pipeline.events.splits import assign
from tests import standins
from tests.frames import toy

CALTECH = LexicographicSplit(rule="lexicographic", share=0.9)


def whole(dataset: str) -> Listing:
    """List a complete copy, whose files need not be there."""
    files, _ = by_rule(dataset)
    classes = list(DATASETS[dataset].classes)
    return Listing(Path(dataset), classes, files)


def without(listing: Listing, *names: str) -> Listing:
    return Listing(listing.root, listing.classes, [file for file in listing.recordings if file.name not in names])


def test_a_complete_copy_is_as_published() -> None:
    found = whole("ncaltech101")
    sides = assign(found.recordings, CALTECH, Validation(share=0.1, seed=0))
    held = compare_published.held("ncaltech101", found, sides, CALTECH)
    assert (held.deviations, held.verdict, held.problems) == ([], "as published", [])


def test_what_differs_is_named() -> None:
    found = without(whole("ncaltech101"), "ant/image_0042.bin", "ant/image_0041.bin")
    found.classes[found.classes.index("ibis")] = "IBIS"
    extra = Recording("zebra/image_0001.bin", Path("image_0001.bin"), len(found.classes))
    found = Listing(found.root, [*found.classes, "zebra"], [*found.recordings, extra])
    held = compare_published.held("ncaltech101", found, assign(found.recordings, CALTECH), CALTECH)
    assert list(map(str, held.deviations)) == ["ant 40 of 42", "zebra 1 of 0 (unknown)"]
    assert held.verdict == "differs from the published split"
    assert held.problems == [
        "8,708 recordings, N-Caltech101 has 8,709",
        "7,794 train and 914 test, published are 7,795 and 914",
        "classes that deviate from N-Caltech101: 2 (0 missing, 1 unknown); get the data set anew, or mend these",
        "differs from the published split (lexicographic, share: 0.9): 2 missing, first ant/41; "
        "1 unknown, first zebra/1; 1 on the other side, first ant/37",
    ]


def test_a_moved_or_doubled_recording_is_named() -> None:
    split = NumericSplit(rule="numeric", train=900)
    found = whole("cifar10dvs")
    sides = assign(found.recordings, split)
    moved = compare_published.held("cifar10dvs", found, [1 - sides[0], *sides[1:]], split)
    assert moved.problems == [
        "differs from the published split (numeric, train: 900): 1 on the other side, first airplane/0"
    ]
    twice = Listing(found.root, found.classes, [*found.recordings, found.recordings[5]])
    assert (
        "1 there more than once, first airplane/5"
        in compare_published.held("cifar10dvs", twice, [*sides, sides[5]], split).problems[-1]
    )
    other = NumericSplit(rule="numeric", train=800)
    held = compare_published.held("cifar10dvs", found, assign(found.recordings, other), other)
    assert (held.verdict, held.problems) == ("no published digest for this split", [])


def test_one_file_of_tonics_gestures_is_known_to_be_missing() -> None:
    def deviations(counts: dict[int, int]) -> list[str]:
        names = [
            Recording(f"ibmGestureTrain/{index}/{label}.npy", Path(f"{label}.npy"), label)
            for label in range(11)
            for index in range(counts.get(label, 122))
        ]
        listing = Listing(Path(), list(DATASETS["dvsgesture-tonic"].classes), names)
        return list(map(str, compare_published.deviations("dvsgesture-tonic", listing)))

    assert deviations({4: 121}) == []
    assert deviations({4: 120, 0: 0}) == ["hand_clapping 0 of 122 (missing)", "right_arm_counter_clockwise 120 of 122"]


def recut(root: Path) -> None:
    rng = np.random.default_rng(0)
    for trial in ("ibmGestureTrain/user01_led", "ibmGestureTest/user24_led"):
        (root / trial).mkdir(parents=True)
        for label in range(11):
            made = standins.events(rng, 128, 128, 50, 90)
            made["t"] *= 1000
            npy.write(root / trial / f"{label}.npy", made)


GIVEN = {"split": GivenSplit(rule="given"), "sensor": [128, 128], "frame_size": [48, 48]}


def laid_out(layout: str) -> Integrate:
    return toy.settings(layout=layout, **GIVEN)


def test_neither_dvs128_gesture_passes_for_the_other(tmp_path: Path) -> None:
    recut(tmp_path / "recut")
    standins.dvsgesture(tmp_path / "original")
    for layout in ("dvsgesture", "dvsgesture_tonic"):
        # Whatever params.yaml says, the answer is not to change the layout.
        report = check("dvsgesture", tmp_path / "recut", laid_out(layout), 1)
        assert report["layout"] == "dvsgesture_tonic"
        assert [problem[:28] for problem in report["problems"]] == ["is Tonic's DVS128 Gesture (i"]
        report = check("dvsgesture-tonic", tmp_path / "original", laid_out(layout), 1)
        assert report["layout"] == "dvsgesture"
        assert [problem[:29] for problem in report["problems"]] == ["is not Tonic's DVS128 Gesture"]
        assert report["published_classes"] is None and "  classes " not in as_text(report)
    report = check("dvsgesture-tonic", tmp_path / "recut", laid_out("dvsgesture_tonic"), 1)
    assert report["formats"] == {".npy": 22} and report["published"] == "no published digest for this split"
    assert "hand_clapping 2 of 122" in as_text(report)


def test_the_form_of_the_original_gestures_is_named(tmp_path: Path) -> None:
    standins.dvsgesture(tmp_path / "raw")
    report = check("dvsgesture", tmp_path / "raw", laid_out("dvsgesture"), 1)
    # Files, not gestures.
    assert report["formats"] == {".aedat (AEDAT 3.1)": 3} and report["recordings"] == 36
    assert "first user01_fluorescent/0" in report["problems"][-1]
    assert "all there, published counts a class are not known" in as_text(report)


def test_a_hundred_deviating_classes_make_a_table(tmp_path: Path) -> None:
    standins.ncaltech101(tmp_path / "raw")
    (tmp_path / "raw/Faces_easy/image_0001.bin").write_bytes(b"")
    shutil.rmtree(tmp_path / "raw/yin_yang")
    report = check("ncaltech101", tmp_path / "raw", toy.settings(sensor=[180, 240], split=CALTECH), 1)
    lines = as_text(report).splitlines()
    assert len(report["deviations"]) == 101 and len(report["published_classes"]) == 101
    assert len(lines) < 60 and max(map(len, lines)) < 180
    assert "yin_yang 0 of 60 (missing)" in as_text(report)
    # A file that is no recording still counts as one of its suffix.
    assert report["formats"] == {".bin": 200}


def test_a_subject_on_two_sides_is_a_problem(tmp_path: Path) -> None:
    recut(tmp_path / "raw")
    (tmp_path / "raw/ibmGestureTest/user24_led").rename(tmp_path / "raw/ibmGestureTest/user01_lab")
    report = check("dvsgesture-tonic", tmp_path / "raw", laid_out("dvsgesture_tonic"), 1)
    assert "puts the subject user01 on two sides" in report["problems"][0]
    assert report["manifest"] is None and "given: cannot be made, see below" in as_text(report)
