"""Integration (eq. 1): against a plain loop, and no event lost or counted twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.events import events_from
from pipeline.frames import integrate
from pipeline.frames.integrate import BLOCK, slice_bounds


def draw(count: int, sensor: tuple[int, int], seed: int):
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, 1000, count))
    return events_from(t, rng.integers(0, sensor[1], count), rng.integers(0, sensor[0], count), rng.random(count) < 0.5)


def by_definition(events, steps, sensor, size, split_by, resize):
    frames = np.zeros((steps, 2, *size), int)
    for index, (t, x, y, p) in enumerate(events.tolist()):
        if split_by == "number":
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
def test_is_its_definition(count, steps, sensor, seed, split_by, resize, smaller) -> None:
    events = draw(count, sensor, seed)
    size = (max(sensor[0] // 2, 1), sensor[1] - 1) if smaller else sensor
    found = integrate(events, steps, sensor, size, split_by, resize)
    assert found.shape == (steps, 2, *size)
    np.testing.assert_array_equal(found, by_definition(events, steps, sensor, size, split_by, resize))


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 300), st.integers(1, 12), st.integers(0, 2**32), st.sampled_from(["number", "time"]))
def test_every_event_is_counted_once(count: int, steps: int, seed: int, split_by: str) -> None:
    events = draw(count, (10, 14), seed)
    for size in ((10, 14), (4, 5), (3, 20), (25, 30)):
        frames = integrate(events, steps, (10, 14), size, split_by, "bin")
        assert frames.sum() == count
        assert frames[:, 1].sum() == events["p"].sum()


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
        ({"split_by": "count"}, "unknown split_by"),
        ({"resize": "nearst"}, "did you mean 'nearest'"),
        ({"size": (16, 16)}, "cannot enlarge"),
    ],
)
def test_impossible_requests_are_refused(changes: dict, message: str) -> None:
    events = events_from([0, 1], [7, 7], [7, 7], [True, False])
    with pytest.raises(ValueError, match=message):
        integrate(**{"events": events, "steps": 2, "sensor": (8, 8), "size": (8, 8), **changes})
