"""Neuromorphic data augmentation (NDA; Li et al., ECCV 2022), as released or by its paper; also flip with roll (TET).

All that is drawn for a sample is one map of pixels for all of its frames and both polarities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import model_validator
from torch import Tensor

from pipeline.config.base import Count, Nonnegative, Whole
from pipeline.training.augmentations import AugmentationOptions
from pipeline.training.augmentations._maps import Map, Movement
from pipeline.training.losses import Targets

ROLL, ROTATE, SHEAR, CUTOUT, NOTHING = 0, 1, 2, 3, -1


class Options(AugmentationOptions):
    """roll_px: rows and columns are moved by -roll_px..roll_px, wrapping. rotate_deg: about the centre, either way.
    shear_deg: of x, either way. cutout_px: a square with sides of 1..cutout_px about any pixel is emptied. Of these the
    ones above 0 take part, and `operations` different ones are drawn for each sample, one after the other. flip: half
    of the samples are mirrored first.
    """

    kind: Literal["nda"] = "nda"
    roll_px: Whole = 0
    rotate_deg: Nonnegative = 0.0
    shear_deg: Nonnegative = 0.0
    cutout_px: Whole = 0
    operations: Count = 1
    flip: bool = False

    @model_validator(mode="after")
    def _varies_something(self) -> Options:
        if not (self.flip or self.taking_part):
            raise ValueError(
                "kind 'nda' varies nothing here; set roll_px, rotate_deg, shear_deg, cutout_px or flip, or leave it out"
            )
        if self.operations > max(1, len(self.taking_part)):
            raise ValueError(
                f"operations: {self.operations} different ones are to be drawn of the {len(self.taking_part)} that "
                "take part; lower it, or set more of roll_px, rotate_deg, shear_deg, cutout_px above 0"
            )
        return self

    @property
    def taking_part(self) -> list[int]:
        """Which of roll, rotate, shear and cutout (0, 1, 2, 3) are above 0."""
        amounts = (self.roll_px, self.rotate_deg, self.shear_deg, self.cutout_px)
        return [kind for kind, amount in enumerate(amounts) if amount > 0]

    @property
    def mirrors(self) -> bool:
        return self.flip


@dataclass(frozen=True)
class Draws:
    """What was drawn for each of N samples: its operations and the amounts of all kinds, [N] each.

    kinds: [M, N], of roll, rotate, shear, cutout (0, 1, 2, 3; -1: none), a sample's are different. rows, columns: of
    the roll. degrees: of the rotation. shear: degrees. side: of the cutout, its middle at the shares `down` and `right`
    of the frame.
    """

    kinds: Tensor
    rows: Tensor
    columns: Tensor
    degrees: Tensor
    shear: Tensor
    flip: Tensor
    side: Tensor
    down: Tensor
    right: Tensor


def augment(frames: Tensor, targets: Targets, options: Options, generator: torch.Generator) -> tuple[Tensor, Targets]:
    """Return each sample of a batch varied by a map of its own; targets stay. Arguments as the group asks.

    Rotation and shear take the nearest pixel, or 0 from outside. An operation moves what those before it have left, so
    a cutout is moved too.

    Source: Li et al., "Neuromorphic Data Augmentation for Training Spiking Neural Networks" (ECCV 2022); that sides of
    the cutout are whole numbers, its middle anywhere, is our reading.
    """
    draws = draw(len(frames), options, generator)
    return pixel_map(draws, frames, CUTOUT in options.taking_part).applied(frames), targets


def draw(count: int, options: Options, generator: torch.Generator) -> Draws:
    """Return what is drawn for each of `count` samples.

    All amounts are drawn, so that one sample's kind does not move another's draws; those of the cutout and of further
    operations last and only where asked for, so that they do not move what is drawn without them.
    """
    uniform = torch.rand(4, count, generator=generator, dtype=torch.float64)
    rolls = torch.randint(-options.roll_px, options.roll_px + 1, (2, count), generator=generator)
    hole = torch.zeros(3, count, dtype=torch.float64)
    if options.cutout_px:
        hole = torch.rand(3, count, generator=generator, dtype=torch.float64)
    further = torch.rand(options.operations - 1, count, generator=generator, dtype=torch.float64)
    return Draws(
        kinds=_different(torch.tensor(options.taking_part or [NOTHING]), torch.cat([uniform[:1], further])),
        rows=rolls[0],
        columns=rolls[1],
        degrees=(2 * uniform[1] - 1) * options.rotate_deg,
        shear=(2 * uniform[2] - 1) * options.shear_deg,
        flip=(uniform[3] < 1 / 2) & options.flip,
        side=1 + (hole[0] * options.cutout_px).long(),
        down=hole[1],
        right=hole[2],
    )


def _different(kinds: Tensor, uniform: Tensor) -> Tensor:
    """Return [M, N] of the kinds [K], different ones in each column, drawn by numbers [M, N] from 0 to 1."""
    left, drawn = kinds.expand(uniform.shape[1], -1), []
    for row in uniform:
        place = (row * left.shape[1]).long()[:, None]
        drawn.append(left.gather(1, place)[:, 0])
        others = torch.arange(left.shape[1] - 1).expand(len(left), -1)
        left = left.gather(1, others + (others >= place))
    return torch.stack(drawn)


def pixel_map(draws: Draws, frames: Tensor, cutout: bool) -> Map:
    """Return the map of all operations, one after the other; cutout: whether some may be one."""
    first, *later = (_movement(draws, number, frames, cutout).map(frames) for number in range(len(draws.kinds)))
    for following in later:
        first = following.after(first)
    return first


def _movement(draws: Draws, number: int, frames: Tensor, cutout: bool) -> Movement:
    """Return what the operation of a number does to each sample; the flip goes before the first."""
    rolled, turned, leant, cut = (draws.kinds[number] == kind for kind in (ROLL, ROTATE, SHEAR, CUTOUT))
    side = torch.where(cut, draws.side, 0)
    places = zip((draws.down, draws.right), frames.shape[-2:], strict=True)
    row, column = ((share * pixels).long() - draws.side // 2 for share, pixels in places)
    return Movement(
        flip=draws.flip if number == 0 else None,
        turn=torch.where(turned, torch.deg2rad(draws.degrees), 0),
        lean=torch.where(leant, torch.tan(torch.deg2rad(draws.shear)), 0),
        roll=(torch.where(rolled, draws.rows, 0), torch.where(rolled, draws.columns, 0)),
        hole=(row, column) if cutout else None,
        sides=(side, side) if cutout else None,
    )
