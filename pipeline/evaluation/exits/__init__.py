"""Early exit: a recording is answered as soon as the network is sure enough. A rule is one file here, in NumPy, with
`Options` and

    sureness(running) -> [T, N]

how sure the running mean of the logits [T, N, C] is, 0 to 1; what is at least the threshold is sure enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]


def running_mean(logits: npt.NDArray[np.floating]) -> Series:
    """Return the mean of the logits so far, [T, N, C]."""
    return np.cumsum(logits, axis=0, dtype=np.float64) / np.arange(1, len(logits) + 1)[:, None, None]


def exit_steps(sure: Series, thresholds: Sequence[float]) -> npt.NDArray[np.intp]:
    """Return the index of the step, from 0, at which each recording is answered: [K, N].

    It is the first that is sure enough; who never is, is answered at the last.

    Args:
        sure: [T, N], 0 to 1.
        thresholds: K of them, 0 to 1.
    """
    reached = sure[None] >= np.asarray(thresholds, dtype=np.float64)[:, None, None]
    reached[:, -1] = True
    return reached.argmax(axis=1)


def exit_curve(
    logits: npt.NDArray[np.floating],
    labels: npt.NDArray[np.integer],
    thresholds: Sequence[float],
    sureness: Callable[[Series], Series],
) -> tuple[Series, Series]:
    """Return accuracy [K], 0 to 1, and mean number of steps used [K], 1 to T, at each threshold; see `exit_steps`.

    Args:
        logits: [T, N, C].
        labels: [N].
        thresholds: K of them, 0 to 1.
        sureness: of a rule.

    Raises:
        ValueError: shapes do not fit.
    """
    if logits.ndim != 3 or not logits.size or labels.shape != logits.shape[1:2]:
        raise ValueError(f"expected logits [T, N, C] and labels [N], found {logits.shape} and {labels.shape}")
    running = running_mean(logits)
    first = exit_steps(sureness(running), thresholds)
    right = running.argmax(axis=-1) == labels
    return np.take_along_axis(right, first, axis=0).mean(axis=1), (first + 1).mean(axis=1)
