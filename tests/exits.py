"""What exits of the rules of `pipeline.evaluation.exits` give."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.evaluation.exits import Series, exit_steps, running_mean


def exit_curve(
    logits: np.ndarray, labels: np.ndarray, thresholds: Sequence[float], sureness: Callable[[Series], Series]
) -> tuple[Series, Series]:
    """Return accuracy [K], 0 to 1, and mean number of steps used [K], 1 to T, of logits [T, N, C] at each threshold."""
    running = running_mean(logits)
    first = exit_steps(sureness(running), thresholds)
    right = running.argmax(axis=-1) == labels
    return np.take_along_axis(right, first, axis=0).mean(axis=1), (first + 1).mean(axis=1)
