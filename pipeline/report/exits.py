"""Early exit: a recording is answered as soon as the network is sure enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]


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
    steps = np.arange(1, len(logits) + 1)
    running = np.cumsum(logits, axis=0, dtype=np.float64) / steps[:, None, None]
    right = running.argmax(axis=-1) == label
    # The largest probability of a softmax, without overflow.
    sure = 1 / np.exp(running - running.max(axis=-1, keepdims=True)).sum(axis=-1)
    accuracy, used = [], []
    for threshold in thresholds:
        reached = sure >= threshold
        reached[-1] = True
        first = reached.argmax(axis=0)
        accuracy.append(np.take_along_axis(right, first[None], axis=0).mean())
        used.append(steps[first].mean())
    return np.array(accuracy, dtype=np.float64), np.array(used, dtype=np.float64)
