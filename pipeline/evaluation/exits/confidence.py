"""Sure is the largest softmax probability."""

from __future__ import annotations

from typing import Literal

from scipy.special import softmax

from pipeline.config.base import Group
from pipeline.evaluation.exits import Series


class Options(Group):
    """Nothing to choose; the threshold is a probability."""

    kind: Literal["confidence"] = "confidence"


def sureness(running: Series) -> Series:
    """Return the largest softmax probability of running mean logits [T, N, C]: [T, N], 1/C to 1."""
    sure: Series = softmax(running, axis=-1).max(axis=-1)
    return sure
