"""Pointers to the frames that a run sees: equal where the content is, and never another file's frames."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.config.frames import FrameFile, FrameSelection
from pipeline.config.splits import Validation
from pipeline.errors import FramesError
from pipeline.frames.build import build
from pipeline.frames.latency import input_latency
from pipeline.frames.select import select
from pipeline.frames.selection import load, read_pointer
from pipeline.frames.store import examples
from pipeline.frames.store import load as load_frames
from tests.frames.toy import build_one, recordings, settings

TEN, TWO, FOUR, TIMED = (
    FrameFile(steps=steps, frame_size=[8, 8], slice_by=by)
    for steps, by in ((10, "number"), (2, "number"), (4, "number"), (2, "time"))
)
FIRST = FrameSelection(file=TEN, first=0, stop=5)
SECOND = FrameSelection(file=TEN, first=5, stop=10)
EVEN, ODD = (FrameSelection(file=TEN, first=first, stop=10, stride=2) for first in (0, 1))
ALL = {"first": FIRST, "second": SECOND, "even": EVEN, "odd": ODD, "two": FrameSelection(file=TWO, first=0, stop=2)}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built")
    recordings(root / "raw", events=307)
    chosen = settings(steps=10, validation=Validation(share=0.3, seed=1))
    build(root / "raw", root / "frames/toy", "toy", chosen, [TWO], 1)
    select(root / "frames/toy", ALL, root / "selected/toy")
    return root


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("side", [0, 1, 2])
def test_a_run_sees_the_frames_it_names(built: Path, name: str, side: int) -> None:
    chosen = ALL[name]
    whole = load_frames(built / "frames/toy" / chosen.file.name, side)
    seen = load(built / f"selected/toy/{name}.json", side)
    kept = list(range(chosen.first, chosen.stop, chosen.stride))
    assert chosen.steps == len(kept)
    np.testing.assert_array_equal(seen.frames, whole.frames[:, kept])
    assert seen.frames.flags.c_contiguous and seen.frames.dtype == np.uint8
    assert seen.names == whole.names and seen.header == whole.header
    np.testing.assert_array_equal(seen.labels, whole.labels)
    np.testing.assert_array_equal(seen.latency.share, (whole.events_until[:, kept] / 307).T.astype(np.float32))
    np.testing.assert_array_equal(seen.latency.time_ms, (whole.time_until_us[:, kept] / 1000).T.astype(np.float32))
    pointer = read_pointer(built / f"selected/toy/{name}.json")
    assert pointer.selection == chosen and pointer.manifest == whole.header.manifest and pointer.classes == ["a", "b"]
    assert (pointer.n_train, pointer.n_test, pointer.n_validation)[side] == len(seen.names)


def test_phases_may_be_interleaved(built: Path) -> None:
    even, odd = (load(built / f"selected/toy/{name}.json", 0).frames for name in ("even", "odd"))
    both = load_frames(built / "frames/toy" / TEN.name, 0).frames
    np.testing.assert_array_equal(np.stack([even, odd], axis=2).reshape(both.shape), both)


def test_a_pointer_changes_with_its_file_and_with_nothing_else(built: Path, copy: Path) -> None:
    def pointers() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((copy / "selected/toy").iterdir())}

    before = pointers()
    assert before == {path.name: path.read_bytes() for path in sorted((built / "selected/toy").iterdir())}
    # Another file beside: every pointer stays.
    chosen = settings(steps=10, validation=Validation(share=0.3, seed=1))
    build(copy / "raw", copy / "frames/toy", "toy", chosen, [TWO, TIMED], 2)
    select(copy / "frames/toy", ALL, copy / "selected/toy")
    assert pointers() == before
    # Frames of two by other rules: only the pointer to them changes.
    facts = json.loads((copy / "frames/toy/facts.json").read_text())
    next(entry for entry in facts["files"] if entry["file"] == TWO.name)["sha256"] = "0" * 64
    (copy / "frames/toy/facts.json").write_text(json.dumps(facts))
    select(copy / "frames/toy", ALL, copy / "selected/toy")
    assert {name for name, data in pointers().items() if data != before[name]} == {"two.json"}
    # What is no longer wanted is gone.
    select(copy / "frames/toy", {"first": FIRST}, copy / "selected/toy")
    assert pointers() == {"first.json": before["first.json"]}


def test_another_file_than_the_pointer_names_is_refused(copy: Path) -> None:
    pointer, path = copy / "selected/toy/two.json", copy / "frames/toy" / TWO.name
    data = path.read_bytes()
    for changed in (data[:-1], data[:5000] + b"x" + data[5001:], (copy / "frames/toy" / TEN.name).read_bytes()):
        path.write_bytes(changed)
        with pytest.raises(FramesError, match=r"t2-8x8\.h5: has the SHA-256 .*two\.json names .*dvc repro"):
            load(pointer, 0)
    path.unlink()
    with pytest.raises(FramesError, match=r"t2-8x8\.h5: not found, .*two\.json names it; `dvc repro`"):
        load(pointer, 0)
    with pytest.raises(FramesError, match=r"has no t4-8x8\.h5, it holds t10-8x8\.h5, t2-8x8\.h5"):
        missing = FrameSelection(file=FOUR, first=0, stop=1)
        select(copy / "frames/toy", {"four": missing}, copy / "selected/toy")
    assert pointer.exists()


def test_a_side_without_recordings_is_named(copy: Path) -> None:
    recordings(copy / "plain")
    build(copy / "plain", copy / "frames/toy", "toy", settings(steps=10), [], 1)
    select(copy / "frames/toy", {"first": FIRST}, copy / "selected/toy")
    with pytest.raises(FramesError, match="holds no recording of the side asked for"):
        load(copy / "selected/toy/first.json", 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: "", "cannot be read"),
        (lambda text: text[: len(text) // 2], "cannot be read"),
        (lambda _: "[1]", "expected an object, found list"),
        (lambda text: text.replace("sha256", "sha"), "damaged or of another version"),
        (lambda text: text.replace('"stop": 5', '"stop": 50'), "damaged or of another version.*not within the 10"),
        (lambda text: text.replace('"first": 0', '"first": "0"'), "damaged or of another version"),
    ],
)
def test_damaged_pointers_are_named(copy: Path, change, message: str) -> None:
    path = copy / "selected/toy/first.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(FramesError, match=message) as error:
        load(path, 0)
    assert str(path) in str(error.value)


def test_missing_pointers_and_facts_are_named(copy: Path) -> None:
    with pytest.raises(FramesError, match=r"none\.json: not found; `dvc repro` makes it"):
        load(copy / "selected/toy/none.json", 0)
    (copy / "frames/toy/facts.json").write_text("{}")
    with pytest.raises(FramesError, match=r"facts\.json: damaged"):
        select(copy / "frames/toy", ALL, copy / "selected/toy")
    (copy / "frames/toy/facts.json").unlink()
    with pytest.raises(FramesError, match=r"facts\.json: not found"):
        select(copy / "frames/toy", ALL, copy / "selected/toy")


@pytest.mark.parametrize(("first", "stop", "stride"), [(0, 11, 1), (5, 5, 1), (6, 5, 1), (0, 5, 0), (-1, 5, 1)])
def test_impossible_selections_are_refused(first: int, stop: int, stride: int) -> None:
    with pytest.raises(ValidationError):
        FrameSelection(file=TEN, first=first, stop=stop, stride=stride)


def test_latency_by_hand() -> None:
    events_until, time_until_us = np.array([[2, 4, 8], [0, 0, 3]]), np.array([[10, 30, 500], [0, 0, 20]])
    events = np.array([8, 3])
    found = input_latency(events, events_until, time_until_us, np.arange(1, 3))
    assert found.share.tolist() == [[0.5, 0.0], [1.0, 1.0]]
    np.testing.assert_allclose(found.time_ms, [[0.03, 0.0], [0.5, 0.02]], rtol=1e-6)
    assert found.share.dtype == found.time_ms.dtype == np.float32
    waits = input_latency(events, events_until, time_until_us, np.arange(2), causal=False)
    assert waits.share.tolist() == [[0.5, 0.0]] * 2
    np.testing.assert_allclose(waits.time_ms, [[0.03, 0.0]] * 2, rtol=1e-6)
    # No event at all: a share of 0, not of nothing.
    none = np.zeros((1, 2), int)
    assert input_latency(none[:, 0], none, none, np.arange(2)).share.tolist() == [[0.0], [0.0]]
    # Of each recording frames of its own, and events that no frame shows.
    found = input_latency(np.array([16, 3]), events_until, time_until_us, np.array([[0, 1], [1, 2]]))
    assert found.share.tolist() == [[0.125, 0.0], [0.25, 1.0]]
    np.testing.assert_allclose(found.time_ms, [[0.01, 0.0], [0.03, 0.02]], rtol=1e-6)


@settings_of(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 2**32), st.data())
def test_latency_never_falls_and_ends_with_the_recording(count: int, steps: int, seed: int, data) -> None:
    rng = np.random.default_rng(seed)
    events_until, time_until_us = (np.sort(rng.integers(0, 99, (count, steps)), axis=1) for _ in range(2))
    stride = data.draw(st.integers(1, steps))
    events, seen = events_until[:, -1], np.arange(steps)[::stride]
    causal = input_latency(events, events_until, time_until_us, seen)
    assert causal.share.shape == (len(range(0, steps, stride)), count)
    assert (np.diff(causal.share, axis=0) >= 0).all() and (np.diff(causal.time_ms, axis=0) >= 0).all()
    assert causal.share.min() >= 0 and causal.share.max() <= 1
    waits = input_latency(events, events_until, time_until_us, seen, causal=False)
    assert (waits.share == causal.share[-1]).all() and (waits.time_ms == causal.time_ms[-1]).all()


def test_the_first_recordings_of_classes(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    build_one(recordings(tmp_path / "raw"), path, "toy", settings(), 1)
    whole = load_frames(path)
    for side, first in ((0, 0), (1, 6)):
        found = examples(path, 2, side)
        assert [(label, name) for label, name, _ in found] == [(c, f"{c}/{c}_{first}.aedat") for c in "ab"]
        for _, name, frames in found:
            np.testing.assert_array_equal(frames, whole.frames[whole.names.index(name)])
    assert len(examples(path, 1)) == 1 and examples(path, 5, 2) == []
