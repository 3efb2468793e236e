"""What the augmentations share that mix each recording of a batch with another of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pipeline.training.losses import Targets


def partners(kind: str, count: int, targets: Targets, generator: torch.Generator) -> tuple[np.random.Generator, Tensor]:
    """Return NumPy's generator, for what else is drawn, and for each of `count` recordings the other's number.

    The others are a uniform permutation int64 [N], on the CPU; a recording may be its own.

    Raises:
        ValueError: the targets are mixed already.
    """
    if targets.other is not None:
        raise ValueError(f"{kind}: the targets are mixed already, and a recording has two labels at most; mix once")
    # NumPy draws: torch's Beta takes no generator.
    numpy = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    return numpy, torch.randperm(count, generator=generator)


def mixed(targets: Targets, others: Tensor, weight: Tensor | float) -> Targets:
    """Return targets whose other labels are those of the recordings `others` [N], on the device of the labels.

    weight: of their own labels, 0 to 1, one or [N].
    """
    labels = targets.labels
    weights = torch.full((len(labels),), weight, device=labels.device) if isinstance(weight, float) else weight.float()
    return Targets(labels, labels.index_select(0, others), weights)
