"""Clips: so many windows in a row of a recording that is cut into windows of equal duration from its first event on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def real_windows(time_until_us: NDArray[np.int64], window_us: int) -> NDArray[np.int64]:
    """Return in how many windows a recording has come to its last counted event, [N]; the frames after them are empty.

    Args:
        time_until_us: time of that event, from the first one, us [N]. window_us: duration of a window.
    """
    return time_until_us // window_us + 1


def clip_starts(windows: NDArray[np.int64], steps: int, count: int) -> NDArray[np.int64]:
    """Return where `count` clips of `steps` windows begin, evenly spread from the first window to the last possible.

    A recording of fewer windows than a clip has them all at its first one: it is followed by empty frames.

    Args:
        windows: of each recording [N].

    Returns:
        int64 [N, count], not decreasing along a row; one clip alone is in the middle.
    """
    room = np.maximum(windows - steps, 0)[:, None]
    return room // 2 if count == 1 else room * np.arange(count) // (count - 1)


def cut(frames: NDArray[np.uint8], starts: NDArray[np.int64], steps: int) -> NDArray[np.uint8]:
    """Return a clip of each recording, [N, K, ...] -> [N, steps, ...], which begins at frame starts [N]."""
    return frames[np.arange(len(frames))[:, None], starts[:, None] + np.arange(steps)]
