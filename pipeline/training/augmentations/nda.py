"""Neuromorphic data augmentation (NDA; Li et al., ECCV 2022) as released, and flip with roll as TET has it.

Roll, rotation, shear and flip are maps of pixels: for each sample one map is computed and applied to all of its frames
and both polarities, by one gather for the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import model_validator
from torch import Tensor

from pipeline.config.base import Nonnegative, Whole
from pipeline.training.augmentations import AugmentationOptions
from pipeline.training.losses import Targets


class Options(AugmentationOptions):
    """roll_px: rows and columns are moved by -roll_px..roll_px, wrapping. rotate_deg: about the centre, either way.
    shear_deg: of x, either way. Of these the ones above 0 take part, and one is drawn for each sample. flip: half of
    the samples are mirrored first.
    """

    kind: Literal["nda"] = "nda"
    roll_px: Whole = 0
    rotate_deg: Nonnegative = 0.0
    shear_deg: Nonnegative = 0.0
    flip: bool = False

    @model_validator(mode="after")
    def _varies_something(self) -> Options:
        if not (self.flip or self.roll_px or self.rotate_deg or self.shear_deg):
            raise ValueError(
                "kind 'nda' varies nothing here; set roll_px, rotate_deg, shear_deg or flip, or leave it out"
            )
        return self

    @property
    def mirrors(self) -> bool:
        return self.flip


@dataclass(frozen=True)
class Draws:
    """What was drawn for each of N samples: which of roll, rotate, shear (0, 1, 2; -1: none), and all their amounts."""

    kind: Tensor
    rows: Tensor
    columns: Tensor
    degrees: Tensor
    shear: Tensor
    flip: Tensor

    def to(self, device: torch.device) -> Draws:
        """Return all on a device; from pinned memory, a GPU need not finish its work first."""
        if device.type != "cuda":
            return self
        return Draws(**{name: drawn.pin_memory().to(device, non_blocking=True) for name, drawn in vars(self).items()})


def augment(frames: Tensor, targets: Targets, options: Options, generator: torch.Generator) -> tuple[Tensor, Targets]:
    """Return each sample of a batch varied by a map of its own; targets stay. Arguments as the group asks.

    Rotation and shear take the nearest pixel, or 0 from outside.
    """
    count, height, width = len(frames), *frames.shape[-2:]
    source, inside = source_pixels(draw(count, options, generator).to(frames.device), height, width)
    index, keep = source.flatten(1), inside.flatten(1)
    pixels = frames.reshape(count, -1, height * width)
    moved = pixels.gather(2, index[:, None].expand(-1, pixels.shape[1], -1))
    return moved.mul_(keep[:, None]).reshape(frames.shape), targets


def draw(count: int, options: Options, generator: torch.Generator) -> Draws:
    """Return what is drawn for each of `count` samples.

    Everything is always drawn, so that one sample's kind does not move another's draws.
    """
    amounts = (options.roll_px, options.rotate_deg, options.shear_deg)
    kinds = torch.tensor([kind for kind, amount in enumerate(amounts) if amount > 0] or [-1])
    uniform = torch.rand(4, count, generator=generator, dtype=torch.float64)
    rolls = torch.randint(-options.roll_px, options.roll_px + 1, (2, count), generator=generator)
    return Draws(
        kind=kinds[(uniform[0] * len(kinds)).long()],
        rows=rolls[0],
        columns=rolls[1],
        degrees=(2 * uniform[1] - 1) * options.rotate_deg,
        shear=(2 * uniform[2] - 1) * options.shear_deg,
        flip=(uniform[3] < 1 / 2) & options.flip,
    )


def source_pixels(draws: Draws, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return for each pixel of the result the pixel it comes from.

    Signs and centre as torchvision's functional.rotate (counter-clockwise) and functional.affine.

    Returns:
        The flat index y · width + x, int64 [N, H, W] (0 where outside), and whether it is inside, bool [N, H, W].
    """
    device = draws.kind.device
    y, x = (torch.arange(side, dtype=torch.float64, device=device) - (side - 1) / 2 for side in (height, width))
    turn, lean = torch.deg2rad(draws.degrees), torch.tan(torch.deg2rad(draws.shear))
    rotated, sheared, rolled = (draws.kind == kind for kind in (1, 2, 0))
    turn, lean = (torch.where(on, by, 0)[:, None] for on, by in ((rotated, turn), (sheared, lean)))
    # Each coordinate is a sum of a term of the column and one of the row: the maps of all pixels cost one addition.
    columns = _nearest(x * turn.cos(), y * (lean - turn.sin()), width)
    rows = _nearest(x * turn.sin(), y * turn.cos(), height)
    inside = (columns == columns.clamp(0, width - 1)).logical_and_(rows == rows.clamp(0, height - 1))
    by_rows = torch.where(rolled, draws.rows % height, 0).int()[:, None, None]
    by_columns = torch.where(rolled, draws.columns % width, 0).int()[:, None, None]
    # A roll wraps; what a rotation or shear sends outside is masked.
    columns, rows = _wrapped(columns.sub_(by_columns), width), _wrapped(rows.sub_(by_rows), height)
    columns = torch.where(draws.flip[:, None, None], width - 1 - columns, columns)
    return rows.mul_(width).add_(columns).mul_(inside).long(), inside


def _nearest(by_column: Tensor, by_row: Tensor, side: int) -> Tensor:
    """Return centred coordinates, terms [N, W] and [N, H], rounded to pixels int32 [N, H, W] of a side."""
    return (by_column[:, None, :] + (by_row + (side - 1) / 2)[:, :, None]).round_().int()


def _wrapped(pixels: Tensor, side: int) -> Tensor:
    """Return pixels with those brought back that lie less than a side below 0."""
    return torch.where(pixels < 0, pixels + side, pixels)
