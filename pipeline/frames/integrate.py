"""Events to frames: eq. 1 with T slices, counted at the sensor's resolution and then resized."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.names import nearest
from pipeline.events.types import EVENT

# Events handled at once: few enough that their indices stay in the processor's cache.
BLOCK = 1 << 14
SPLITS = ("number", "time")
RESIZES = ("nearest", "bin")

Counts = NDArray[np.int64]


def integrate(
    events: NDArray[Any],
    steps: int,
    sensor: tuple[int, int],
    size: tuple[int, int],
    split_by: str = "number",
    resize: str = "nearest",
) -> Counts:
    """Count events into frames (eq. 1).

    Args:
        events: structured array [E] with t (µs, not decreasing), x, y, p.
        steps: T, the number of frames.
        sensor: height and width of the sensor, px.
        size: height and width of the frames, px.
        split_by: "number": slices of E // T events, the last takes the remainder; "time": slices of equal duration,
            half-open, the last includes the last event. Either way every event is in exactly one slice.
        resize: "nearest": frame pixel i shows sensor pixel floor(i * sensor / size), other pixels' events are dropped
            (what the authors' code does); "bin": the event of sensor pixel s counts at floor(s * size / sensor), none
            is dropped. The same when size == sensor.

    Returns:
        Counts int64 [T, 2, H, W]; the polarity axis is (p false, p true).

    Raises:
        ValueError: an unknown mode, no step, or an event off the sensor.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, found {steps}")
    bounds = slice_bounds(events, steps, split_by)
    words = np.ascontiguousarray(events, EVENT).view("<u4").reshape(-1, 4)
    height, width = sensor
    frames = np.empty((steps, 2 * height * width), np.int64)
    index = np.empty(np.diff(bounds).max(initial=0), np.int64)
    for step, (first, last) in enumerate(pairwise(bounds)):
        for start in range(first, last, BLOCK):
            stop = min(start + BLOCK, last)
            _pixel_index(words[start:stop], height, width, out=index[start - first : stop - first])
        frames[step] = np.bincount(index[: last - first], minlength=2 * height * width)
    return _resized(frames.reshape(steps, 2, height, width), size, resize)


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
    x[:] = words[:, 3]
    x *= np.uint32(height * width)
    np.add(y, x, out=out, casting="unsafe")


def slice_bounds(events: NDArray[Any], steps: int, split_by: str) -> NDArray[np.intp]:
    """Find where each slice begins: slice j holds events [bounds[j], bounds[j + 1]).

    Returns:
        intp [steps + 1], from 0 to the number of events.
    """
    count = len(events)
    if split_by == "number":
        bounds = np.arange(steps + 1) * (count // steps)
    elif split_by == "time":
        t = events["t"]
        start, end = (int(t[0]), int(t[-1])) if count else (0, 0)
        # The first whole microsecond of slice j is start + ceil(j * duration / steps).
        edges = [start - (-(j * (end - start)) // steps) for j in range(steps)]
        bounds = np.searchsorted(t, np.array([*edges, end + 1]), side="left")
    else:
        raise ValueError(f"unknown split_by {split_by!r}; {nearest(split_by, SPLITS)}")
    bounds[-1] = count
    return bounds.astype(np.intp)


def _resized(frames: Counts, size: tuple[int, int], resize: str) -> Counts:
    if resize not in RESIZES:
        raise ValueError(f"unknown resize {resize!r}; {nearest(resize, RESIZES)}")
    for axis, target in ((2, size[0]), (3, size[1])):
        source = frames.shape[axis]
        if source == target:
            continue
        if resize == "nearest":
            if target > source:
                raise ValueError(f"resize nearest cannot enlarge {source} px to {target} px: events would count twice")
            frames = frames.take(np.arange(target) * source // target, axis)
        elif target < source:
            frames = np.add.reduceat(frames, -(-np.arange(target) * source // target), axis)
        else:
            enlarged = np.zeros((*frames.shape[:axis], target, *frames.shape[axis + 1 :]), frames.dtype)
            np.moveaxis(enlarged, axis, 0)[np.arange(source) * target // source] = np.moveaxis(frames, axis, 0)
            frames = enlarged
    return frames
