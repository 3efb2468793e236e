"""Events to frames: eq. 1 with T slices, counted at the sensor's resolution, then turned and resized."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.frames import window_us
from pipeline.config.names import nearest
from pipeline.events.types import EVENT

# Events handled at once: few enough that their indices stay in the processor's cache.
BLOCK = 1 << 14
SPLITS = ("number", "time")
EXTENTS = ("sensor", "recording")

Counts = NDArray[np.int64]


def integrate(
    events: NDArray[Any],
    steps: int,
    sensor: tuple[int, int],
    size: tuple[int, int],
    slice_by: str = "number",
    resize: str = "nearest",
    turns: Collection[str] = (),
    extent: str = "sensor",
) -> Counts:
    """Count events into frames (eq. 1).

    Args:
        events: structured array [E] with t (µs, not decreasing), x, y, p.
        steps: T, the number of frames.
        sensor: height and width of the sensor as the frames show it, so after the turns, px.
        size: height and width of the frames, px.
        slice_by: "number": slices of E // T events, the last takes the remainder; "time": slices of equal duration,
            half-open, the last includes the last event. Either way every event is in exactly one slice. "10ms":
            windows of 10 ms (any whole number of them) from the first event on, half-open; what comes after the last is
            in none.
        resize: "nearest": frame pixel i shows sensor pixel floor(i * sensor / size), other pixels' events are dropped
            (what the authors' code does); "area": a sensor pixel's events are divided among the frame pixels that it
            overlaps, by overlap, in whole events; "bin": all events of sensor pixel s count at floor(s * size /
            sensor). The last two drop none. The same when size == sensor.
        turns: what the recording needs before its axes are the usual ones: "transpose" (x and y change places), then
            "flip_x", "flip_y" (mirrored), "invert" (polarity), whatever their order here.
        extent: "sensor": the whole sensor is shown; "recording": from (0, 0) to the recording's largest x and y.

    Returns:
        Counts int64 [T, 2, H, W]; the polarity axis is (p false, p true).

    Raises:
        ValueError: an unknown mode, no step, or an event off the sensor.
    """
    return Slices(events, sensor, turns, extent).frames(steps, size, slice_by, resize)


class Slices:
    """A recording whose events are placed on the sensor once and then counted into any number of frames.

    Arguments and errors as of `integrate`.
    """

    def __init__(
        self,
        events: NDArray[Any],
        sensor: tuple[int, int],
        turns: Collection[str] = (),
        extent: str = "sensor",
    ) -> None:
        if extent not in EXTENTS:
            raise ValueError(f"unknown extent {extent!r}; {nearest(extent, EXTENTS)}")
        self._events, self._turns = events, turns
        self._sensor = self._shown = sensor[::-1] if "transpose" in turns else sensor
        if extent == "recording" and len(events):
            self._shown = int(events["y"].max()) + 1, int(events["x"].max()) + 1
        words = np.ascontiguousarray(events, EVENT).view("<u4").reshape(-1, 4)
        self._index = np.empty(len(words), np.int64)
        for start in range(0, len(words), BLOCK):
            block = slice(start, start + BLOCK)
            _pixel_index(words[block], *self._sensor, out=self._index[block])
        self._sliced, self._counts = (0, ""), np.empty(0, np.int64)

    def frames(self, steps: int, size: tuple[int, int], slice_by: str = "number", resize: str = "nearest") -> Counts:
        """Return the counts int64 [T, 2, H, W] of `steps` frames of a size; cheap for another size of the same."""
        if steps < 1:
            raise ValueError(f"steps must be at least 1, found {steps}")
        if self._sliced != (steps, slice_by):
            self._counts, self._sliced = self._counted(steps, slice_by), (steps, slice_by)
        return _resized(self._counts, size, resize)

    def __len__(self) -> int:
        """Return the number of the recording's events."""
        return len(self._events)

    def ends(self, steps: int, slice_by: str = "number") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return for the end of each frame how many events have come, and when the last of them came.

        Both int64 [T]; the time in us from the first event.
        """
        ends = slice_bounds(self._events, steps, slice_by)[1:].astype(np.int64)
        t = self._events["t"]
        return ends, t[np.maximum(ends, 1) - 1].astype(np.int64) - int(t[0])

    def _counted(self, steps: int, slice_by: str) -> Counts:
        (height, width), (shown_height, shown_width) = self._sensor, self._shown
        bounds = slice_bounds(self._events, steps, slice_by)
        flat = np.empty((steps, 2 * height * width), np.int64)
        for step, (first, last) in enumerate(pairwise(bounds)):
            flat[step] = np.bincount(self._index[first:last], minlength=2 * height * width)
        counts: Counts = flat.reshape(steps, 2, height, width)
        return turn(counts[:, :, :shown_height, :shown_width], self._turns)


def turn(frames: Counts, turns: Collection[str]) -> Counts:
    """Turn frames [T, 2, H, W] as a recording of events would be; see `integrate`.

    Raises:
        ValueError: an unknown turn.
    """
    for name in turns:
        if name not in TURNS:
            raise ValueError(f"unknown turn {name!r}; {nearest(name, TURNS)}")
    for name, apply in TURNS.items():
        if name in turns:
            frames = apply(frames)
    return frames


TURNS: dict[str, Callable[[Counts], Counts]] = {
    "transpose": lambda frames: frames.swapaxes(2, 3),
    "flip_x": lambda frames: frames[..., ::-1],
    "flip_y": lambda frames: frames[:, :, ::-1],
    "invert": lambda frames: frames[:, ::-1],
}


def _pixel_index(words: NDArray[np.uint32], height: int, width: int, out: NDArray[np.int64]) -> None:
    """Write the flat index (p, y, x) of each event; words [E, 4] are EVENT records: t, t, x | y << 16, p."""
    x = words[:, 2].copy()
    y = x >> np.uint32(16)
    x &= np.uint32(0xFFFF)
    if x.max() >= width or y.max() >= height:
        raise ValueError(
            f"an event at x <= {x.max()}, y <= {y.max()} is off the sensor of {height} x {width} (height x width)"
        )
    y *= np.uint32(width)
    y += x
    # The record's padding beside p may hold anything.
    np.bitwise_and(words[:, 3], np.uint32(1), out=x)
    x *= np.uint32(height * width)
    np.add(y, x, out=out, casting="unsafe")


def slice_bounds(events: NDArray[Any], steps: int, slice_by: str) -> NDArray[np.intp]:
    """Find where each slice begins: slice j holds events [bounds[j], bounds[j + 1]).

    Returns:
        intp [steps + 1], from 0 to the number of events, or to where the last window ends.
    """
    count = len(events)
    if window := window_us(slice_by):
        starts = (int(events["t"][0]) if count else 0) + window * np.arange(steps + 1)
        return np.searchsorted(events["t"], starts, side="left").astype(np.intp)
    if slice_by == "number":
        bounds = np.arange(steps + 1) * (count // steps)
    elif slice_by == "time":
        t = events["t"]
        start, end = (int(t[0]), int(t[-1])) if count else (0, 0)
        # The first whole microsecond of slice j is start + ceil(j * duration / steps).
        edges = [start - (-(j * (end - start)) // steps) for j in range(steps)]
        bounds = np.searchsorted(t, np.array([*edges, end + 1]), side="left")
    else:
        raise ValueError(f"unknown slice_by {slice_by!r}; {nearest(slice_by, SPLITS)}")
    bounds[-1] = count
    return bounds.astype(np.intp)


def _resized(frames: Counts, size: tuple[int, int], resize: str) -> Counts:
    if resize not in RESIZED:
        raise ValueError(f"unknown resize {resize!r}; {nearest(resize, RESIZED)}")
    for axis, target in ((2, size[0]), (3, size[1])):
        if frames.shape[axis] != target:
            frames = RESIZED[resize](frames, axis, target)
    return np.ascontiguousarray(frames)


def _nearest(frames: Counts, axis: int, target: int) -> Counts:
    source = frames.shape[axis]
    if target > source:
        raise ValueError(
            f"resize nearest cannot enlarge {source} px to {target} px: events would count twice; use area"
        )
    return frames.take(np.arange(target) * source // target, axis)


def _area(frames: Counts, axis: int, target: int) -> Counts:
    """Cut the running sum at the edges of the frame pixels; a pixel across an edge is divided and rounded there."""
    source = frames.shape[axis]
    counts = np.moveaxis(frames, axis, -1)
    below = np.zeros((*counts.shape[:-1], source + 1), counts.dtype)
    np.cumsum(counts, -1, out=below[..., 1:])
    whole, rest = np.divmod(np.arange(1, target) * source, target)
    edges = np.zeros((*counts.shape[:-1], target + 1), counts.dtype)
    edges[..., 1:-1] = below[..., whole] + (2 * counts[..., whole] * rest + target) // (2 * target)
    edges[..., -1] = below[..., -1]
    return np.moveaxis(np.diff(edges, axis=-1), -1, axis)


def _bin(frames: Counts, axis: int, target: int) -> Counts:
    source = frames.shape[axis]
    if target < source:
        return np.add.reduceat(frames, -(-np.arange(target) * source // target), axis)
    enlarged = np.zeros((*frames.shape[:axis], target, *frames.shape[axis + 1 :]), frames.dtype)
    np.moveaxis(enlarged, axis, 0)[np.arange(source) * target // source] = np.moveaxis(frames, axis, 0)
    return enlarged


RESIZED: dict[str, Callable[[Counts, int, int], Counts]] = {"nearest": _nearest, "area": _area, "bin": _bin}
