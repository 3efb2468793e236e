"""Early exit: a recording is answered as soon as the network is sure enough. A rule is one file here, in NumPy, with
`Options` and

    sureness(running) -> [T, N]

how sure the running mean of the logits [T, N, C] is, 0 to 1; what is at least the threshold is sure enough.
"""

from __future__ import annotations

from collections.abc import Sequence

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
