"""EventMix (Shen et al., Information Sciences 2023): a region of time and space shows another recording's events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from pipeline.config.base import Count, Positive, Share
from pipeline.training.augmentations import AugmentationOptions
from pipeline.training.augmentations._device import sent
from pipeline.training.augmentations._mixing import mixed, partners
from pipeline.training.losses import Targets

Floats = NDArray[np.float64]
# Where the number of Gaussians is drawn: the fewest and the most.
FEWEST, MOST = 2, 4


class Options(AugmentationOptions):
    """alpha: of the Beta(alpha, alpha) that the share outside the region is drawn from. probability: that a recording
    is mixed. gaussians: whose sum bounds the region; null: 2, 3 or 4. narrowest: their standard deviation, at least,
    in half sides. weigh: the labels by the events that are seen of each recording, by the area, or by how far the
    mixture is from each. Defaults: those of the authors' training script.
    """

    kind: Literal["eventmix"] = "eventmix"
    mixes = True
    alpha: Positive = 2.0
    probability: Share = 0.5
    gaussians: Count | None = 3
    narrowest: Annotated[float, Field(gt=0, le=1)] = 0.1
    weigh: Literal["events", "area", "distance"] = "events"


@dataclass(frozen=True)
class Blobs:
    """Sums of n Gaussians over T, H, W for each of N recordings.

    heights: [N, n]. centres, spreads: of each axis [N, n], in frames and pixels.
    """

    heights: Floats
    centres: tuple[NDArray[np.int64], ...]
    spreads: tuple[Floats, ...]


def augment(frames: Tensor, targets: Targets, options: Options, generator: torch.Generator) -> tuple[Tensor, Targets]:
    """Return a batch in which a region of some samples shows another's events, and labels weighed as `weigh` says.

    Arguments as the group asks. The region is a sample's own, the same for both polarities. The other recording is one
    of the batch, given by a permutation; the authors draw any of the training side.

    Raises:
        ValueError: the targets are mixed already.

    Source: Shen et al., EventMix (arXiv 2205.12054); constants as in the authors' code. Our readings: where no event is
    seen of either recording the area weighs the labels, and a share outside of less than one pixel leaves nothing out.
    """
    numpy, permutation = partners(options.kind, len(frames), targets, generator)
    shape = (frames.shape[1], *frames.shape[-2:])
    chosen = np.flatnonzero(numpy.random(len(frames)) < options.probability)
    if not len(chosen):
        return frames, targets
    outside = numpy.beta(options.alpha, options.alpha, len(chosen))
    # On the CPU, so that no pixel differs from device to device.
    regions = torch.zeros(len(frames), *shape, dtype=torch.bool)
    regions[torch.from_numpy(chosen)] = masks(draw(len(chosen), shape, options, numpy), shape, outside)
    mask, others = sent(regions, frames.device), sent(permutation, frames.device)
    other = frames.index_select(0, others)
    both = torch.where(mask[:, :, None], other, frames)
    return both, mixed(targets, others, weights(frames, other, both, mask, options.weigh))


def draw(count: int, shape: tuple[int, ...], options: Options, numpy: np.random.Generator) -> Blobs:
    """Return what is drawn for each of `count` regions in frames of a shape (T, H, W)."""
    each = (count, options.gaussians or MOST)
    heights = numpy.random(each)
    if options.gaussians is None:
        heights *= np.arange(MOST) < numpy.integers(FEWEST, MOST + 1, (count, 1))
    centres = tuple(numpy.integers(side, size=each) for side in shape)
    spreads = tuple(np.maximum(numpy.random(each), options.narrowest) * side / 2 for side in shape)
    return Blobs(heights, centres, spreads)


def masks(blobs: Blobs, shape: tuple[int, ...], outside: Floats) -> Tensor:
    """Return the regions, bool [N, T, H, W]: where the sum exceeds its ⌊outside · T·H·W⌋-th smallest value.

    Args:
        outside: the share of each, [N].
    """
    # A Gaussian is a product of one factor an axis: the sums of all pixels are one product of matrices. In float64 the
    # smallest does not vanish.
    time, rows, columns = (
        np.exp(-(((np.arange(side) - centre[..., None]) / spread[..., None]) ** 2) / 2)
        for side, centre, spread in zip(shape, blobs.centres, blobs.spreads, strict=True)
    )
    slices = (blobs.heights[..., None] * time)[..., None] * rows[:, :, None, :]
    sums = torch.from_numpy(slices.reshape(*slices.shape[:2], -1).swapaxes(1, 2) @ columns).flatten(1)
    ranks = (outside * sums.shape[1]).astype(int).tolist()
    # Recording by recording: a sort of all would take ten times as long.
    bounds = [
        row.kthvalue(rank).values if rank else row.new_tensor(-1.0) for row, rank in zip(sums, ranks, strict=True)
    ]
    return (sums > torch.stack(bounds)[:, None]).unflatten(1, shape)


def weights(own: Tensor, other: Tensor, both: Tensor, mask: Tensor, weigh: str) -> Tensor:
    """Return the weight of each recording's own label, 0 to 1, float32 [N].

    events: with the shares r and r' of the events inside the region of own and other, (1 - r) / (1 - r + r'). area: the
    share outside. distance: s'² / (s² + s'²), with mean squares s and s' of what own and other, each averaged over
    3 × 3 pixels, differ from the mixture.

    Args:
        own, other, both: frames [N, T, 2, H, W], before and as mixed. mask: bool [N, T, H, W].
    """
    outside = _total(~mask) / mask[0].numel()
    if weigh == "area":
        return outside.float()
    if weigh == "events":
        inside = (own.sum(2, dtype=torch.float32), other.sum(2, dtype=torch.float32))
        # A recording without events has none to show: 0 / 0 is 0.
        kept, brought = (
            (_total(events.masked_fill(hidden, 0)) / _total(events)).nan_to_num(0.0)
            for events, hidden in zip(inside, (mask, ~mask), strict=True)
        )
    else:
        kept, brought = (_distance(frames, both).square() for frames in (other, own))
    seen = kept + brought
    return torch.where(seen > 0, kept / seen, outside).float()


def _total(x: Tensor) -> Tensor:
    return x.flatten(1).sum(1, dtype=torch.float64)


def _distance(one: Tensor, two: Tensor) -> Tensor:
    """Return the mean square of what frames differ, averaged over 3 × 3 pixels, float64 [N]."""
    difference = (one.float() - two.float()).flatten(1, 2)
    return functional.avg_pool2d(difference, 3, stride=1, padding=1).square().flatten(1).mean(1, dtype=torch.float64)
