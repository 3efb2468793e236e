"""Random crop with padding: each recording is moved as a whole, by a number of pixels of its own."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pipeline.config.base import Count
from pipeline.training.augmentations import AugmentationOptions
from pipeline.training.augmentations._maps import Movement
from pipeline.training.losses import Targets


class Options(AugmentationOptions):
    """padding_px: of zeros about the frames, out of which a part of their size is cut."""

    kind: Literal["crop"] = "crop"
    padding_px: Count = 4


def augment(frames: Tensor, targets: Targets, options: Options, generator: torch.Generator) -> tuple[Tensor, Targets]:
    """Return each sample moved by -padding_px..padding_px rows and columns, 0 from outside; targets stay.

    Arguments as the group asks. All places are as likely, and one holds for all frames of a sample.

    Source: torchvision's RandomCrop with padding, as GLIF (4 pixels; Yao et al., NeurIPS 2022) and EventMix (a twelfth
    of the side; Shen et al., Information Sciences 2023) train with it.
    """
    size = (2, len(frames))
    rows, columns = torch.randint(-options.padding_px, options.padding_px + 1, size, generator=generator)
    return Movement(move=(rows, columns)).map(frames).applied(frames), targets
