"""A stream that is cut into frames gets those of integration, however its events are packed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.events.types import Events, events_from
from pipeline.frames.integrate import slice_bounds
from pipeline.inference.framer import ClosedFrame, Framer
from pipeline.inference.rule import FrameRule, rule_of, rule_of_recording
from tests.inference.small import framing


def at(times: list[int]) -> Events:
    """Return events at these times, each told from the others by its x."""
    return events_from(sorted(times), np.arange(len(times)), [0] * len(times), [True] * len(times))


def packed(events: Events, sizes: list[int]) -> list[Events]:
    """Return events in packets of these sizes, over and over; some may be empty."""
    edges = np.cumsum([0, *(sizes * (len(events) + 1))])
    return [events[a:b] for a, b in pairwise(edges[edges <= len(events)])] + [events[edges[edges <= len(events)][-1] :]]


def frames_of(framer: Framer, packets: list[Events]) -> list[ClosedFrame]:
    found = [frame for packet in packets for frame in framer.feed(packet)]
    return found + list(framer.end())


@settings(max_examples=150, deadline=None)
@given(
    times=st.lists(st.integers(5, 9000), min_size=1, max_size=60),
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any),
    steps=st.integers(1, 7),
    slice_by=st.sampled_from(["number", "time", "2ms"]),
)
def test_frames_are_those_of_integration(times: list[int], sizes: list[int], steps: int, slice_by: str) -> None:
    events, how = at(times), framing(steps, slice_by)
    found = frames_of(Framer(rule_of_recording(how, events)), packed(events, sizes))
    bounds = slice_bounds(events, steps, slice_by)
    assert [frame.place for frame in found[:steps]] == list(range(steps))
    for frame, (first, last) in zip(found, pairwise(bounds), strict=False):
        np.testing.assert_array_equal(frame.events, events[first:last])
        assert frame.begin_us == events["t"][0] and frame.last_us == events["t"][max(last, 1) - 1]
    # What comes after the last window begins the next recording.
    assert len(found) == steps or slice_by == "2ms"
    if slice_by == "2ms" and bounds[-1] < len(events):
        assert found[steps].begin_us == events["t"][bounds[-1]] and found[steps].place == 0


def test_recordings_follow_each_other_and_the_clock_ends_frames_without_events() -> None:
    framer = Framer(FrameRule(True, np.array([2, 5])))
    found = frames_of(framer, [at(list(range(12)))])
    assert [(frame.place, len(frame.events), frame.begin_us) for frame in found] == [
        (0, 2, 0), (1, 3, 0), (0, 2, 5), (1, 3, 5), (0, 2, 10),
    ]  # fmt: skip
    framer = Framer(FrameRule(False, np.array([1000, 2000])))
    assert list(framer.feed(at([]), 50_000)) == [] and list(framer.feed(at([70_000]), 70_000)) == []
    (first,) = framer.feed(at([]), 71_000)
    assert (first.place, len(first.events), first.begin_us, first.last_us) == (0, 1, 70_000, 70_000)
    # After a pause the next recording begins with its first event; no frame is made of the pause.
    (second,) = framer.feed(at([90_000_000]))
    assert (second.place, len(second.events)) == (1, 0)
    assert [frame.begin_us for frame in framer.end()] == [90_000_000] * 2


def test_rules_are_those_of_the_run_or_must_be_told() -> None:
    halves = framing(4, first=2)
    assert rule_of(halves, events=11).ends.tolist() == [2, 4, 6, 11]
    assert rule_of(halves, at_once=True, events=11).ends.tolist() == [2, 4]
    assert rule_of(halves, per_frame=7).ends.tolist() == [7, 14, 21, 28]
    timed = framing(4, "time", first=1, stop=4, stride=2)
    assert rule_of(timed, duration_us=10).ends.tolist() == [3, 5, 8, 11]
    assert rule_of(timed, at_once=True, duration_us=10).ends.tolist() == [3, 5]
    windows = framing(9, "10ms", clip={"steps": 2, "test": 3})
    assert rule_of(windows).ends.tolist() == [10_000, 20_000] and not rule_of(windows).by_events
    assert rule_of(windows, frame_ms=2.5).ends.tolist() == [2500, 5000]
    for how, unit in ((halves, "events"), (timed, "ms")):
        with pytest.raises(ConfigError, match=f"does not say how long it will be: say how many {unit}"):
            rule_of(how)
    for wrong in ({"events": 5, "frame_ms": 1.0}, {"per_frame": 0}, {"frame_ms": 0.0001}, {"events": -1}):
        with pytest.raises(ConfigError):
            rule_of(halves, **wrong)
    with pytest.raises(ConfigError, match="before it has an event"):
        rule_of(halves, at_once=True, events=3)
