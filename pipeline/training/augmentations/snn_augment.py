"""Spikformer's augmentation of event frames (Zhou et al., ICLR 2023): for each recording one of six, after a flip."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from pipeline.config.base import Nonnegative, Share, Whole
from pipeline.training.augmentations import AugmentationOptions
from pipeline.training.augmentations._maps import Movement
from pipeline.training.losses import Targets

IDENTITY, SHEAR, MOVE_X, MOVE_Y, ROTATE, ERASE = range(6)


class Options(AugmentationOptions):
    """shear_rad: of x, either way, an angle. move_px: in x or in y, either way, 0 from outside. rotate_deg: about the
    centre, either way. erase: the smallest and largest share of the area that a square has which is emptied, anywhere
    inside. Of these and of leaving it as it is one is drawn for each sample; those at 0 take no part. levels: into how
    many amounts a shear, move and rotation are divided. flip: half of the samples are mirrored first.
    """

    kind: Literal["snn-augment"] = "snn-augment"
    shear_rad: Annotated[float, Field(ge=0, lt=1.5)] = 0.3
    move_px: Whole = 5
    rotate_deg: Nonnegative = 30.0
    erase: Annotated[list[Share], Field(min_length=2, max_length=2)] = Field(default=[0.001, 0.11])
    levels: Annotated[int, Field(ge=2)] = 31
    flip: bool = True

    @model_validator(mode="after")
    def _from_small_to_large(self) -> Options:
        if self.erase[0] > self.erase[1]:
            raise ValueError(f"erase: expected the smaller share first, found {self.erase}")
        return self

    @property
    def mirrors(self) -> bool:
        return self.flip


def augment(frames: Tensor, targets: Targets, options: Options, generator: torch.Generator) -> tuple[Tensor, Targets]:
    """Return each sample of a batch varied by a map of its own; targets stay. Arguments as the group asks.

    Source: Zhou et al., "Spikformer" (ICLR 2023), as in the authors' code: amounts are even steps from -most to most,
    moves are rounded towards 0, and what is emptied is a square.
    """
    height, width = frames.shape[-2:]
    return draw(len(frames), height, width, options, generator).map(frames).applied(frames), targets


def draw(count: int, height: int, width: int, options: Options, generator: torch.Generator) -> Movement:
    """Return what is drawn for each of `count` samples.

    Everything is always drawn, so that one sample's kind does not move another's draws.
    """
    amounts = {SHEAR: options.shear_rad, MOVE_X: options.move_px, MOVE_Y: options.move_px, ROTATE: options.rotate_deg,
               ERASE: options.erase[1]}  # fmt: skip
    kinds = torch.tensor([IDENTITY, *(kind for kind, amount in amounts.items() if amount > 0)])
    uniform = torch.rand(5, count, generator=generator, dtype=torch.float64)
    # Twice the steps from the middle, so that they are whole numbers: -most, …, most.
    most = options.levels - 1
    steps = 2 * torch.randint(options.levels, (count,), generator=generator) - most
    kind = kinds[(uniform[0] * len(kinds)).long()]
    shear, rotation = (steps.double() * amount / most for amount in (options.shear_rad, options.rotate_deg))
    pixels = torch.div(steps * options.move_px, most, rounding_mode="trunc")
    smallest, largest = options.erase
    area = (smallest + (largest - smallest) * uniform[2]) * height * width
    side = torch.where(kind == ERASE, area.sqrt().round().long().clamp(max=min(height, width)), 0)
    row, column = (
        (share * (pixel + 1 - side)).long() for share, pixel in zip(uniform[3:], (height, width), strict=True)
    )
    return Movement(
        flip=(uniform[1] < 1 / 2) & options.flip,
        turn=torch.where(kind == ROTATE, torch.deg2rad(rotation), 0),
        lean=torch.where(kind == SHEAR, torch.tan(shear), 0),
        move=(torch.where(kind == MOVE_Y, pixels, 0), torch.where(kind == MOVE_X, pixels, 0)),
        hole=(row, column),
        sides=(side, side),
    )
