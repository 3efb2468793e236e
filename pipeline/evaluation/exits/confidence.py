"""Sure is the largest softmax probability."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pipeline.config.base import Group
from pipeline.evaluation.exits import Series


class Options(Group):
    """Nothing to choose; the threshold is a probability."""

    kind: Literal["confidence"] = "confidence"


def sureness(running: Series) -> Series:
    """Return the largest softmax probability of running mean logits [T, N, C]: [T, N], 1/C to 1."""
    # Without overflow: the largest has exp(0).
    return 1 / np.exp(running - running.max(axis=-1, keepdims=True)).sum(axis=-1)
