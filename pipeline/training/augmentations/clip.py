"""A clip of each recording, at a place that is drawn (as TA-SNN, MA-SNN and RM-SNN are trained)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pipeline.config.base import Count
from pipeline.training.augmentations import AugmentationOptions
from pipeline.training.augmentations._device import sent
from pipeline.training.losses import Targets


class Options(AugmentationOptions):
    """steps: the frames of a clip. A recipe has it by its key `clips`, which says what the test shows, too."""

    kind: Literal["clip"] = "clip"
    steps: Count


def augment(frames: Tensor, targets: Targets, options: Options, generator: torch.Generator) -> tuple[Tensor, Targets]:
    """Return so many frames in a row of each sample, [N, K, 2, H, W] -> [N, steps, 2, H, W]; targets stay.

    Where they begin is drawn, all places alike, up to where the clip would leave the last frame with an event behind.
    A sample that ends before a clip is full begins at its first frame, and its last frames are empty.

    Raises:
        ValueError: fewer than `steps` frames.

    Source: Yao et al., Temporal-wise Attention SNNs (ICCV 2021).
    """
    count, every = frames.shape[:2]
    if every < options.steps:
        raise ValueError(f"a clip of {options.steps} frames cannot be cut from {every}")
    # One draw a sample, whatever its length, so that one sample does not move another's.
    place = torch.rand(count, generator=generator, dtype=torch.float64)
    place = sent(place, frames.device)
    used = frames.flatten(2).amax(2) > 0
    length = (used * torch.arange(1, every + 1, device=frames.device)).amax(1)
    room = (length - options.steps).clamp(min=0)
    first = (place * (room + 1)).long()
    chosen = first[:, None] + torch.arange(options.steps, device=frames.device)
    return frames[torch.arange(count, device=frames.device)[:, None], chosen], targets
