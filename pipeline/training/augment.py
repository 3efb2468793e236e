"""Augmentation of event frames, a whole batch at once: NDA (Li et al., ECCV 2022) and TET's (Deng et al., ICLR 2022).

Roll, rotation, shear and flip are maps of pixels: for each sample one map is computed and applied to all of its frames
and both polarities, by one gather for the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.config import Augment


@dataclass(frozen=True)
class Draws:
    """What was drawn for each of N samples: which of roll, rotate, shear (0, 1, 2; -1: none), and all their amounts.

    All [N]: kind, rows and columns (pixels) int64, degrees (of rotation) and shear (degrees) float64, flip bool.
    """

    kind: Tensor
    rows: Tensor
    columns: Tensor
    degrees: Tensor
    shear: Tensor
    flip: Tensor

    def to(self, device: torch.device) -> Draws:
        """Copy the draws to a device."""
        return Draws(**{name: drawn.to(device) for name, drawn in vars(self).items()})


def augment(frames: Tensor, settings: Augment, generator: torch.Generator) -> Tensor:
    """Vary each sample of a batch by a map of its own.

    NDA as its released code does it (`functions/data_loaders.py`); TET is flip and roll.

    Args:
        frames: finite counts [N, T, 2, H, W], any dtype and device.
        settings: of roll (rows and columns moved by -roll_px..roll_px, wrapping), rotate (-rotate_deg..rotate_deg about
            the centre) and shear (of x, -shear_deg..shear_deg) those above 0 take part; one is drawn for each sample.
            Rotation and shear take the nearest pixel, or 0 from outside. flip: half the samples are mirrored first.
        generator: on the CPU, so that the same seed draws the same on every device.

    Returns:
        A new tensor like `frames`; `frames` itself where nothing takes part.

    Raises:
        RuntimeError: the generator is not on the CPU.
    """
    if not settings.active:
        return frames
    count, height, width = len(frames), *frames.shape[-2:]
    source, inside = source_pixels(draw(count, settings, generator).to(frames.device), height, width)
    index, keep = source.flatten(1), inside.flatten(1)
    pixels = frames.flatten(3).flatten(1, 2)
    moved = pixels.gather(2, index[:, None].expand(-1, pixels.shape[1], -1))
    return moved.mul_(keep[:, None]).reshape(frames.shape)


def draw(count: int, settings: Augment, generator: torch.Generator) -> Draws:
    """Draw for each sample; everything is always drawn, so that one sample's kind does not move another's draws."""
    amounts = (settings.roll_px, settings.rotate_deg, settings.shear_deg)
    kinds = torch.tensor([kind for kind, amount in enumerate(amounts) if amount > 0] or [-1])
    uniform = torch.rand(4, count, generator=generator, dtype=torch.float64)
    rolls = torch.randint(-settings.roll_px, settings.roll_px + 1, (2, count), generator=generator)
    return Draws(
        kind=kinds[(uniform[0] * len(kinds)).long()],
        rows=rolls[0],
        columns=rolls[1],
        degrees=(2 * uniform[1] - 1) * settings.rotate_deg,
        shear=(2 * uniform[2] - 1) * settings.shear_deg,
        flip=(uniform[3] < 1 / 2) & settings.flip,
    )


def source_pixels(draws: Draws, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Find for each pixel of the result the pixel it comes from.

    Signs and centre as torchvision's functional.rotate (counter-clockwise) and functional.affine: the centre is the
    middle of the picture, between pixels where a side is even. A positive shear moves what is below it to the left.
    Computed in float64, so the result is torchvision's of float64 frames. Of float32 frames torchvision computes in
    float32, and takes the neighbour where a source lies within that rounding (some 1e-6 pixels) of the middle between
    two: a few pixels in a million.

    Returns:
        The flat index y · width + x, int64 [N, H, W] (where outside, of the nearest pixel), and whether it is inside,
        bool [N, H, W].
    """
    device = draws.kind.device
    y, x = (torch.arange(side, dtype=torch.float64, device=device) - (side - 1) / 2 for side in (height, width))
    rolled, rotated, sheared = ((draws.kind == kind)[:, None] for kind in range(3))
    turn = torch.deg2rad(torch.where(rotated, draws.degrees[:, None], 0))
    lean = torch.tan(torch.deg2rad(torch.where(sheared, draws.shear[:, None], 0)))
    flip = draws.flip[:, None]
    # The source's column is a sum of a term of the result's x [N, W] and one of its y [N, H], its row likewise. Roll
    # and flip change the terms: cheaper than to change the [N, H, W] of the sums.
    column_x, column_y = x * turn.cos() + (width - 1) / 2, y * (lean - turn.sin())
    row_x, row_y = x * turn.sin(), y * turn.cos() + (height - 1) / 2
    column_x = torch.where(rolled, (column_x - draws.columns[:, None]) % width, column_x)
    row_y = torch.where(rolled, (row_y - draws.rows[:, None]) % height, row_y)
    column_x, column_y = torch.where(flip, width - 1 - column_x, column_x), torch.where(flip, -column_y, column_y)
    columns = (column_x[:, None, :] + column_y[:, :, None]).round_()
    rows = (row_x[:, None, :] + row_y[:, :, None]).round_()
    column, row = columns.clamp(0, width - 1), rows.clamp(0, height - 1)
    inside = (column == columns) & (row == rows)
    # In place: what is allocated here costs more than what is computed.
    return row.mul_(width).add_(column).long(), inside
