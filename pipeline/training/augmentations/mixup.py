"""Mixup (Zhang et al., ICLR 2018) of event frames: each recording is a weighted mean of itself and another."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pipeline.config.base import Count, Positive, Share
from pipeline.training.augmentations import AugmentationOptions
from pipeline.training.augmentations._device import sent
from pipeline.training.augmentations._mixing import mixed, partners
from pipeline.training.losses import Targets


class Options(AugmentationOptions):
    """alpha: of the Beta(alpha, alpha) that the weight is drawn from. probability: that a batch is mixed at all. until:
    the number of epochs, from the first, in which it takes part; null: all. Defaults: Spikformer's, for whom it is 75.
    """

    kind: Literal["mixup"] = "mixup"
    mixes = True
    alpha: Positive = 0.5
    probability: Share = 0.5
    until: Count | None = None

    def takes_part(self, epoch: int) -> bool:
        return self.until is None or epoch < self.until


def augment(frames: Tensor, targets: Targets, options: Options, generator: torch.Generator) -> tuple[Tensor, Targets]:
    """Return w · frames + (1 - w) · another's, and both labels with these weights.

    Arguments as the group asks. w is one for the batch, the other recording is given by a permutation of it. Counts
    become fractions: mixed frames are float32, those of a batch that is not mixed stay as they were.

    Raises:
        ValueError: the targets are mixed already.

    Source: Zhang et al., mixup (ICLR 2018); as Spikformer trains with it (Zhou et al., ICLR 2023).
    """
    numpy, permutation = partners(options.kind, len(frames), targets, generator)
    if numpy.random() >= options.probability:
        return frames, targets
    weight, others = float(numpy.beta(options.alpha, options.alpha)), sent(permutation, frames.device)
    both = (frames * weight).add_(frames.index_select(0, others), alpha=1 - weight)
    return both, mixed(targets, others, weight)
