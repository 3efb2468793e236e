"""Integration (eq. 1): against a plain loop, and no event lost or counted twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.events.types import events_from
from pipeline.frames.integrate import BLOCK, integrate, slice_bounds


def draw(count: int, sensor: tuple[int, int], seed: int):
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, 1000, count))
    return events_from(t, rng.integers(0, sensor[1], count), rng.integers(0, sensor[0], count), rng.random(count) < 0.5)


def by_definition(events, steps, sensor, size, slice_by, resize):
    frames = np.zeros((steps, 2, *size), int)
    for index, (t, x, y, p) in enumerate(events.tolist()):
        if slice_by == "number":
            step = min(index // max(len(events) // steps, 1), steps - 1) if len(events) >= steps else steps - 1
        else:
            start, end = events["t"][0], events["t"][-1]
            step = min(int((t - start) * steps // (end - start)) if end > start else steps - 1, steps - 1)
        if resize == "bin":
            frames[step, int(p), y * size[0] // sensor[0], x * size[1] // sensor[1]] += 1
        else:
            rows = [i for i in range(size[0]) if i * sensor[0] // size[0] == y]
            columns = [i for i in range(size[1]) if i * sensor[1] // size[1] == x]
            for row in rows:
                for column in columns:
                    frames[step, int(p), row, column] += 1
    return frames


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 120), st.integers(1, 7), st.sampled_from([(5, 7), (9, 4), (12, 12)]), st.integers(0, 2**32),
    st.sampled_from(["number", "time"]), st.sampled_from(["nearest", "bin"]), st.booleans(),
)  # fmt: skip
def test_is_its_definition(count, steps, sensor, seed, slice_by, resize, smaller) -> None:
    events = draw(count, sensor, seed)
    size = (max(sensor[0] // 2, 1), sensor[1] - 1) if smaller else sensor
    found = integrate(events, steps, sensor, size, slice_by, resize)
    assert found.shape == (steps, 2, *size)
    np.testing.assert_array_equal(found, by_definition(events, steps, sensor, size, slice_by, resize))


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 300), st.integers(1, 12), st.integers(0, 2**32), st.sampled_from(["number", "time"]))
def test_every_event_is_counted_once(count: int, steps: int, seed: int, slice_by: str) -> None:
    events = draw(count, (10, 14), seed)
    for size in ((10, 14), (4, 5), (3, 20), (25, 30)):
        for resize in ("area", "bin"):
            frames = integrate(events, steps, (10, 14), size, slice_by, resize)
            assert frames.min() >= 0 and frames.sum() == count
            assert frames[:, 1].sum() == events["p"].sum()
    frames = integrate(events, steps, (10, 14), (4, 5), slice_by, "nearest")
    shown = np.isin(events["y"], [0, 2, 5, 7]) & np.isin(events["x"], [0, 2, 5, 8, 11])
    assert frames.sum() + (~shown).sum() == count


def test_the_last_slice_takes_the_remainder() -> None:
    events = draw(10_007, (8, 8), 0)
    frames = integrate(events, 10, (8, 8), (8, 8))
    assert frames.sum(axis=(1, 2, 3)).tolist() == [1000] * 9 + [1007]


def test_fewer_events_than_slices() -> None:
    frames = integrate(draw(3, (8, 8), 0), 5, (8, 8), (8, 8))
    assert frames.sum(axis=(1, 2, 3)).tolist() == [0, 0, 0, 0, 3]


def test_slices_longer_than_a_block() -> None:
    events = draw(2 * BLOCK + 5, (16, 16), 0)
    np.testing.assert_array_equal(
        integrate(events, 1, (16, 16), (16, 16))[0],
        np.stack([np.histogram2d(e["y"], e["x"], bins=16, range=[[0, 16]] * 2)[0]
                  for e in (events[~events["p"]], events[events["p"]])]),
    )  # fmt: skip


def test_time_slices_are_half_open_and_equal() -> None:
    events = events_from([0, 249, 250, 499, 500, 1000], [0] * 6, [0] * 6, [True] * 6)
    assert slice_bounds(events, 4, "time").tolist() == [0, 2, 4, 5, 6]
    together = events_from([7, 7, 7], [0] * 3, [0] * 3, [True] * 3)
    assert integrate(together, 4, (1, 1), (1, 1), "time").sum() == 3


def test_nearest_keeps_what_the_authors_code_keeps() -> None:
    sensor, size = 128, 48
    kept = [i * sensor // size for i in range(size)]
    y, x = np.divmod(np.arange(sensor * sensor), sensor)
    events = events_from(np.arange(sensor * sensor), x, y, np.ones(sensor * sensor, bool))
    frames = integrate(events, 1, (sensor, sensor), (size, size), resize="nearest")
    assert frames[0, 1].min() == frames[0, 1].max() == 1
    assert frames.sum() == len(kept) ** 2
    assert frames.sum() / len(events) == pytest.approx(0.14, abs=0.001)
    binned = integrate(events, 1, (sensor, sensor), (size, size), resize="bin")
    assert binned.sum() == len(events)


def by_overlap(counts, size):
    """Divide each count among the pixels it overlaps along both axes, exactly."""

    def shares(source, target):
        low = np.maximum.outer(np.arange(target) / target, np.arange(source) / source)
        high = np.minimum.outer((np.arange(target) + 1) / target, (np.arange(source) + 1) / source)
        return np.clip(high - low, 0, None) * source

    return shares(counts.shape[0], size[0]) @ counts @ shares(counts.shape[1], size[1]).T


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 13), st.integers(1, 13), st.integers(0, 2**32))
def test_area_is_the_overlap_rounded_to_whole_events(height, width, rows, columns, seed) -> None:
    events = draw(400, (height, width), seed)
    counts = integrate(events, 1, (height, width), (height, width))[0]
    found = integrate(events, 1, (height, width), (rows, columns), resize="area")[0]
    for polarity in (0, 1):
        # At each of a pixel's two edges along an axis at most half an event is on the wrong side; rows are divided
        # first, in each of the columns that a frame pixel then gathers.
        exact = by_overlap(counts[polarity], (rows, columns))
        bound = (rows != height) * (width / columns + 2) + (columns != width) + 1e-9
        assert np.abs(found[polarity] - exact).max() <= bound
    single = events_from([0], [width - 1], [height - 1], [True])
    assert integrate(single, 1, (height, width), (rows, columns), resize="area").sum() == 1


def test_area_by_hand() -> None:
    # Three pixels onto two: the middle one is shared half and half; of an odd count the left gets the larger half.
    events = events_from(range(9), [0, 1, 1, 1, 2, 2, 2, 2, 2], [0] * 9, [True] * 9)
    assert integrate(events, 1, (1, 3), (1, 2), resize="area")[0, 1].tolist() == [[3, 6]]
    assert integrate(events, 1, (1, 3), (1, 6), resize="area")[0, 1].tolist() == [[1, 0, 2, 1, 3, 2]]
    assert integrate(events, 1, (1, 3), (1, 3), resize="area")[0, 1].tolist() == [[1, 3, 5]]


def turned(events, sensor, turns):
    """Turn the events themselves; sensor: height and width before."""
    height, width = sensor
    x, y, p = events["x"].astype(int), events["y"].astype(int), events["p"]
    if "transpose" in turns:
        x, y, height, width = y, x, width, height
    x = width - 1 - x if "flip_x" in turns else x
    y = height - 1 - y if "flip_y" in turns else y
    return events_from(events["t"], x, y, ~p if "invert" in turns else p), (height, width)


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.sampled_from(["transpose", "flip_x", "flip_y", "invert"])), st.integers(0, 2**32),
    st.sampled_from(["nearest", "area", "bin"]),
)  # fmt: skip
def test_turning_frames_is_turning_events(turns, seed, resize) -> None:
    events = draw(100, (6, 9), seed)
    other, sensor = turned(events, (6, 9), turns)
    wanted = integrate(other, 3, sensor, (4, 5), resize=resize)
    np.testing.assert_array_equal(integrate(events, 3, sensor, (4, 5), resize=resize, turns=sorted(turns)), wanted)


def test_the_extent_of_a_recording_fills_the_frame() -> None:
    events = draw(200, (6, 9), 3)
    corners = events_from([0, 1], [8, 0], [5, 0], [True, True])
    events = np.concatenate([corners, events])
    whole = integrate(events, 2, (6, 9), (4, 5), resize="area")
    for sensor in ((6, 9), (20, 30)):
        shown = integrate(events, 2, sensor, (4, 5), resize="area", extent="recording")
        np.testing.assert_array_equal(shown, whole)
    assert integrate(events, 2, (20, 30), (4, 5), resize="area")[:, :, 2:].sum() == 0
    other, _ = turned(events, (6, 9), {"transpose", "flip_y"})
    np.testing.assert_array_equal(
        integrate(events, 2, (30, 20), (4, 5), resize="bin", turns=["flip_y", "transpose"], extent="recording"),
        integrate(other, 2, (9, 6), (4, 5), resize="bin"),
    )


def test_packed_and_strided_events_count_the_same() -> None:
    events = draw(50, (8, 8), 1)
    packed = events.astype(np.dtype([("t", "<i8"), ("x", "<u2"), ("y", "<u2"), ("p", "?")]))
    wanted = integrate(events[::2].copy(), 3, (8, 8), (8, 8))
    np.testing.assert_array_equal(integrate(events[::2], 3, (8, 8), (8, 8)), wanted)
    np.testing.assert_array_equal(integrate(packed[::2], 3, (8, 8), (8, 8)), wanted)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "at least 1"),
        ({"sensor": (8, 4)}, "off the sensor"),
        ({"sensor": (4, 8)}, "off the sensor"),
        ({"slice_by": "count"}, "unknown slice_by"),
        ({"resize": "nearst"}, "did you mean 'nearest'"),
        ({"size": (16, 16)}, "cannot enlarge"),
        ({"turns": ["flipx"]}, "did you mean 'flip_x'"),
        ({"extent": "record"}, "did you mean 'recording'"),
    ],
)
def test_impossible_requests_are_refused(changes: dict, message: str) -> None:
    events = events_from([0, 1], [7, 7], [7, 7], [True, False])
    with pytest.raises(ValueError, match=message):
        integrate(**{"events": events, "steps": 2, "sensor": (8, 8), "size": (8, 8), **changes})
