"""What a network answers: the class with the largest mean logit so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def answers(logits: NDArray[np.floating], steps: int | None = None) -> NDArray[np.int64]:
    """Return the classes chosen from the mean logits of the first `steps` steps (all, if None): [T, N, C] -> [N]."""
    chosen: NDArray[np.int64] = logits[:steps].mean(axis=0, dtype=np.float64).argmax(axis=-1)
    return chosen


def correct_after(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> list[int]:
    """Return the number of right answers after each step t = 1..T, for logits [T, N, C] and labels [N]."""
    return [int((answers(logits, steps) == labels).sum()) for steps in range(1, len(logits) + 1)]
