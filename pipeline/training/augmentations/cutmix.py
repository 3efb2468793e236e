"""CutMix (Yun et al., ICCV 2019) on event frames: a box of another recording of the batch, in all frames."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pipeline.config.base import Positive, Share
from pipeline.training.augmentations import AugmentationOptions
from pipeline.training.augmentations._device import sent
from pipeline.training.augmentations._mixing import mixed, partners
from pipeline.training.losses import Targets

Box = tuple[slice, slice]


class Options(AugmentationOptions):
    """alpha: of the Beta(alpha, alpha) that the share outside the box is drawn from; 1: uniform. probability: that a
    batch is mixed at all.
    """

    kind: Literal["cutmix"] = "cutmix"
    mixes = True
    alpha: Positive = 1.0
    probability: Share = 1.0


def augment(frames: Tensor, targets: Targets, options: Options, generator: torch.Generator) -> tuple[Tensor, Targets]:
    """Return a batch in which a box of each sample shows another's, and whose labels are weighed by the areas.

    Arguments as the group asks. The box is one for the batch, the other sample is given by a permutation.

    Raises:
        ValueError: the targets are mixed already.

    Source: Yun et al., CutMix (ICCV 2019), Algorithm 1; one box for all frames of a recording, as NDA's paper has it.
    """
    height, width = frames.shape[-2:]
    numpy, permutation = partners(options.kind, len(frames), targets, generator)
    if numpy.random() >= options.probability:
        return frames, targets
    rows, columns = box(height, width, numpy.beta(options.alpha, options.alpha), numpy)
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    others = sent(permutation, frames.device)
    changed = frames.clone()
    changed[..., rows, columns] = frames[..., rows, columns].index_select(0, others)
    return changed, mixed(targets, others, 1 - area / (height * width))


def box(height: int, width: int, outside: float, numpy: np.random.Generator) -> Box:
    """Return the rows and columns of a box with sides of sqrt(1 - outside) of the frame's, cut off at its edges.

    The centre is drawn uniformly over the pixels; sides are rounded down to an even number, as in the authors' code.
    """
    side = np.sqrt(1 - outside)
    return _span(height, side, int(numpy.integers(height))), _span(width, side, int(numpy.integers(width)))


def _span(pixels: int, side: float, centre: int) -> slice:
    half = int(pixels * side) // 2
    return slice(max(centre - half, 0), min(centre + half, pixels))
