"""Early exit: a recording is answered as soon as the network is sure enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]


def exit_steps(logits: npt.NDArray[np.floating], thresholds: Sequence[float]) -> npt.NDArray[np.intp]:
    """Give the index of the step, from 0, at which each recording is answered: [K, N]; see `exit_curve`."""
    running = _running(logits)
    # The largest probability of a softmax, without overflow.
    sure = 1 / np.exp(running - running.max(axis=-1, keepdims=True)).sum(axis=-1)
    reached = sure[None] >= np.asarray(thresholds, dtype=np.float64)[:, None, None]
    reached[:, -1] = True
    return reached.argmax(axis=1)


def exit_curve(
    logits: npt.NDArray[np.floating], label: npt.NDArray[np.integer], thresholds: Sequence[float]
) -> tuple[Series, Series]:
    """Give accuracy and mean time steps where each recording is answered at the first step that is sure enough.

    Sure is a confidence, the largest softmax probability of the mean of the logits so far, of at least the threshold;
    who never is, is answered at the last step.

    Args:
        logits: [T, N, C].
        label: [N].
        thresholds: K confidences, 0 to 1.

    Returns:
        Accuracy [K], 0 to 1, and mean number of steps used [K], 1 to T.

    Raises:
        ValueError: shapes do not fit.

    Source: Li et al. (2023), Input-aware dynamic timestep spiking neural networks (DT-SNN), with the largest
    probability in the place of its entropy.
    """
    if logits.ndim != 3 or not logits.size or label.shape != logits.shape[1:2]:
        raise ValueError(f"expected logits [T, N, C] and label [N], found {logits.shape} and {label.shape}")
    right = _running(logits).argmax(axis=-1) == label
    first = exit_steps(logits, thresholds)
    return np.take_along_axis(right, first, axis=0).mean(axis=1), (first + 1).mean(axis=1)


def _running(logits: npt.NDArray[np.floating]) -> Series:
    """Give the mean of the logits so far [T, N, C]."""
    return np.cumsum(logits, axis=0, dtype=np.float64) / np.arange(1, len(logits) + 1)[:, None, None]
