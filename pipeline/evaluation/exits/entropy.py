"""Sure is what the entropy of the softmax lacks to its maximum: DT-SNN's rule, turned so that more is surer."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import entr, softmax

from pipeline.config.base import Group
from pipeline.evaluation.exits import Series


class Options(Group):
    """Nothing to choose; a threshold s here is 1 - s on the normalized entropy of DT-SNN."""

    kind: Literal["entropy"] = "entropy"


def sureness(running: Series) -> Series:
    """Return 1 - H / log C of the softmax of running mean logits [T, N, C]: [T, N], 0 to 1; C is at least 2.

    Source: Li et al., Input-aware dynamic timestep spiking neural networks (DT-SNN, DAC 2023).
    """
    entropy = entr(softmax(running, axis=-1)).sum(axis=-1)
    return np.clip(1 - entropy / np.log(running.shape[-1]), 0.0, 1.0)
