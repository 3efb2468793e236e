"""Refine and mask (RM-SNN; Yao et al., Neural Networks 166, 2023): the currents of the best steps and channels alone.

The scores are those of MA-SNN over time and channels, SpikingJelly's layers. That the channels are scored on what the
steps' scores have left, and that units of linear layers have scores of time alone, is our reading.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from spikingjelly.activation_based import layer
from torch import Tensor, nn

from pipeline.config.base import Count, Group
from pipeline.nets.layers._waits import Waiting, products

# The answer at a step hangs on all frames.
CAUSAL = False
# It weighs what enters a neuron.
BEFORE = True

Kept = Annotated[float, Field(gt=0, le=1)]


class Options(Group):
    """`keep_t`, `keep_c`: which share of the steps, of the channels is kept. `mask_training`: in training too.

    `reduction_t`, `reduction_c`: by how much steps and channels are divided inside; one unit at least is left. The
    defaults are the authors' on DVS128 Gesture.
    """

    kind: Literal["rm"] = "rm"
    reduction_t: Count = 4
    reduction_c: Count = 5
    keep_t: Kept = 0.5
    keep_c: Kept = 0.5
    mask_training: bool = True


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the layer for maps of so many channels, or for the units of a linear layer (None), over so many steps.

    Raises:
        ValueError: it is not known how many steps.
    """
    if steps is None:
        raise ValueError("attention is bound to its steps, found None")
    return RM(steps, channels, options)


class RM(Waiting):
    """x times its score of time, then of channels; all but the largest ⌈keep · T⌉ and ⌈keep · C⌉ scores are 0.

    Args:
        steps: T, the number of time steps it is built for.
        channels: C of maps; None for the units of a linear layer.

    Shape: [T, N, C, H, W] or, without channels, [T, N, C] -> the same; N is by itself. It has no single-step mode.

    Raises:
        ValueError: another number of time steps than it was built for.
    """

    def __init__(self, steps: int, channels: int | None, options: Options) -> None:
        super().__init__(steps)
        count = channels or 1
        self.refine = layer.MultiDimensionalAttention(
            steps, count, min(options.reduction_t, steps), min(options.reduction_c, count),
            use_channel=channels is not None, use_spatial=False,
        )  # fmt: skip
        self.mask_training = options.mask_training
        self.kept = (_share(options.keep_t, steps), _share(options.keep_c, count))

    def forward(self, x: Tensor) -> Tensor:
        self.check_steps(x)
        out = x.transpose(0, 1)
        # Units are maps of one pixel.
        out = out[..., None, None] if x.dim() == 3 else out
        for part, kept in zip((self.refine.ta, self.refine.ca), self.kept, strict=True):
            if part is not None:
                scores = part(out)
                out = out * (_masked(scores, kept) if self.mask_training or not self.training else scores)
        return out.transpose(0, 1).reshape(x.shape)

    def operations(self, x: Tensor) -> int:
        """Return the multiply-accumulates of the scores, and those of each value with each of its scores."""
        return products(self, x) + (1 if self.refine.ca is None else 2) * x.numel()


def _share(share: float, count: int) -> int:
    """Return ⌈share · count⌉, where a product such as 0.1 · 30 that should be whole is not one too many."""
    return math.ceil(share * count - 1e-9)


def _masked(scores: Tensor, kept: int) -> Tensor:
    """Set all but the largest scores of each sample to 0; scores [N, ...]."""
    flat = scores.flatten(1)
    best = flat.topk(kept, dim=1).indices
    return scores * torch.zeros_like(flat).scatter_(1, best, 1.0).view_as(scores)
