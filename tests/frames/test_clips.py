"""Recordings as windows of equal duration, and the clips that a test shows of them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.config.frames import Clip, FrameFile, FrameSelection
from pipeline.errors import FramesError
from pipeline.events import aedat2
from pipeline.events.types import events_from
from pipeline.frames import store
from pipeline.frames.build import build
from pipeline.frames.clips import clip_starts, cut, real_windows
from pipeline.frames.integrate import Slices, integrate, slice_bounds
from pipeline.frames.select import select
from pipeline.frames.selection import load, read_pointer
from pipeline.frames.store import load as load_frames
from tests.frames.toy import recordings, settings

TIMES = [100, 1099, 1100, 2100, 2101, 5099, 9000]
EVENTS = events_from(TIMES, [1] * 7, [2] * 7, [True] * 7)
WINDOWS = FrameFile(steps=12, frame_size=[8, 8], slice_by="1ms")


def test_windows_by_hand() -> None:
    """Half-open windows of 1 ms from the first event on; an event behind the last is in none."""
    assert slice_bounds(EVENTS, 5, "1ms").tolist() == [0, 2, 3, 5, 5, 6]
    events_until, time_until_us = Slices(EVENTS, (16, 16)).ends(5, "1ms")
    assert events_until.tolist() == [2, 3, 5, 5, 6] and time_until_us.tolist() == [999, 1000, 2001, 2001, 4999]
    frames = integrate(EVENTS, 5, (16, 16), (16, 16), "1ms")
    assert frames.sum((1, 2, 3)).tolist() == [2, 1, 2, 0, 1] and frames[:, 1, 2, 1].sum() == 6
    assert slice_bounds(EVENTS[:0], 3, "1ms").tolist() == [0, 0, 0, 0]
    assert slice_bounds(EVENTS, 3, "3ms").tolist() == [0, 5, 6, 7]


def test_how_many_windows_a_recording_has() -> None:
    assert real_windows(np.array([0, 999, 1000, 4999]), 1000).tolist() == [1, 1, 2, 5]


@pytest.mark.parametrize(
    ("windows", "steps", "count", "expected"),
    [
        (10, 4, 3, [0, 3, 6]), (10, 4, 1, [3]), (10, 4, 4, [0, 2, 4, 6]), (4, 4, 3, [0, 0, 0]), (2, 4, 3, [0, 0, 0]),
        (6, 4, 4, [0, 0, 1, 2]),
    ],
)  # fmt: skip
def test_clips_are_spread_evenly(windows: int, steps: int, count: int, expected: list[int]) -> None:
    assert clip_starts(np.array([windows]), steps, count).tolist() == [expected]


def test_a_clip_begins_where_each_recording_has_it() -> None:
    frames = np.arange(12, dtype=np.uint8).reshape(2, 6, 1, 1, 1)
    assert cut(frames, np.array([0, 3]), 3)[..., 0, 0, 0].tolist() == [[0, 1, 2], [9, 10, 11]]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Recordings of 10 ms, one of them of 2 ms alone, as windows of 1 ms."""
    root = recordings(tmp_path / "raw")
    aedat2.write(root / "b" / "b_8.aedat", events_from([0, 500, 1900], [3] * 3, [3] * 3, [True] * 3))
    build(root, tmp_path / "frames/toy", "toy", settings(), [WINDOWS], 1)
    clips = FrameSelection(file=WINDOWS, first=0, stop=12, clip=Clip(steps=4, test=3))
    select(tmp_path / "frames/toy", {"none/clips": clips}, tmp_path / "selected/toy")
    return tmp_path


def test_a_file_of_windows_says_which_recordings_are_short(built: Path) -> None:
    facts = json.loads((built / "frames/toy/facts.json").read_text())["files"]
    assert [entry["file"] for entry in facts] == ["t4-8x8.h5", "t12-8x8-1ms.h5"]
    assert (facts[1]["n_ended"], facts[1]["fewest_windows"]) == (18, 2) and "n_ended" not in facts[0]
    held = load_frames(built / "frames/toy/t12-8x8-1ms.h5")
    assert held.header.slice_by == "1ms" and held.events.tolist() == [300] * 17 + [3]
    np.testing.assert_array_equal(held.frames.sum((2, 3, 4)).cumsum(1), held.events_until)


def test_a_run_of_clips_sees_all_windows_and_is_tested_on_clips(built: Path) -> None:
    pointer = built / "selected/toy/none/clips.json"
    assert read_pointer(pointer).selection.steps == 4
    seen, whole = load(pointer, 1), load_frames(built / "frames/toy/t12-8x8-1ms.h5", 1)
    np.testing.assert_array_equal(seen.frames, whole.frames)
    assert (seen.steps, seen.padded) == (4, 1) and seen.starts is not None
    # Ten windows, clips of four: 0, 3 and 6. The last recording has two windows.
    assert seen.starts.tolist() == [[0, 3, 6]] * 5 + [[0, 0, 0]]
    views = list(seen.views())
    assert len(views) == 3
    for place, view in enumerate(views):
        np.testing.assert_array_equal(view[:5], whole.frames[:5, 3 * place : 3 * place + 4])
        np.testing.assert_array_equal(view[5], whole.frames[5, :4])
    assert not views[0][5, 2:].any() and views[0][5, :2].sum() == 3
    # An answer needs all clips: a step waits for that of the last.
    until, times = whole.events_until / whole.events[:, None], whole.time_until_us / 1000
    np.testing.assert_allclose(seen.latency.share[:, :5], until[:5, 6:10].T, rtol=1e-6)
    np.testing.assert_allclose(seen.latency.time_ms[:, :5], times[:5, 6:10].T, rtol=1e-6)
    np.testing.assert_allclose(seen.latency.share[:, 5], [2 / 3, 1, 1, 1], rtol=1e-6)


def test_a_run_without_clips_has_one_view(built: Path) -> None:
    select(built / "frames/toy", {"a": FrameSelection(file=WINDOWS, first=2, stop=6)}, built / "selected/toy")
    seen = load(built / "selected/toy/a.json", 0)
    (view,) = seen.views()
    assert view is seen.frames and (seen.steps, seen.starts) == (4, None)


def test_clips_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValidationError, match="clips of 5 frames are longer than the 4 there are"):
        FrameSelection(file=WINDOWS, first=0, stop=4, clip=Clip(steps=5, test=1))
    for slicing in ("0ms", "ms", "1.5ms", "count"):
        with pytest.raises(ValidationError, match="should match pattern"):
            FrameFile(steps=1, frame_size=[8, 8], slice_by=slicing)


def test_frames_that_do_not_fit_the_memory_are_refused(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.psutil, "virtual_memory", lambda: SimpleNamespace(available=2**10))
    with pytest.raises(FramesError, match=r"take 0\.0 GiB of memory to read, the machine has 0\.0 GiB left; a smaller"):
        load(built / "selected/toy/none/clips.json", 1)
