"""Augmentation of event frames, a whole batch at once: NDA (Li et al., ECCV 2022), and flip with roll as TET has it.

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
    """What was drawn for each of N samples: which of roll, rotate, shear (0, 1, 2; -1: none), and all their amounts."""

    kind: Tensor
    rows: Tensor
    columns: Tensor
    degrees: Tensor
    shear: Tensor
    flip: Tensor

    def to(self, device: torch.device) -> Draws:
        """Bring all to a device; from pinned memory, a GPU need not finish its work first."""
        if device.type != "cuda":
            return self
        return Draws(**{name: drawn.pin_memory().to(device, non_blocking=True) for name, drawn in vars(self).items()})


def augment(frames: Tensor, settings: Augment, generator: torch.Generator) -> Tensor:
    """Vary each sample of a batch by a map of its own.

    Args:
        frames: [N, T, 2, H, W], any dtype and device.
        settings: of roll (rows and columns moved by -roll_px..roll_px, wrapping), rotate (-rotate_deg..rotate_deg about
            the centre) and shear (of x, -shear_deg..shear_deg) those above 0 take part; one is drawn for each sample.
            Rotation and shear take the nearest pixel, or 0 from outside. flip: half the samples are mirrored first.
        generator: on the CPU, so that the same seed draws the same on every device.

    Returns:
        A new tensor like `frames`; `frames` itself where nothing takes part.
    """
    if not settings.active:
        return frames
    count, height, width = len(frames), *frames.shape[-2:]
    source, inside = source_pixels(draw(count, settings, generator).to(frames.device), height, width)
    index, keep = source.flatten(1), inside.flatten(1)
    pixels = frames.reshape(count, -1, height * width)
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
    """Round centred coordinates, terms [N, W] and [N, H], to pixels int32 [N, H, W] of a side."""
    return (by_column[:, None, :] + (by_row + (side - 1) / 2)[:, :, None]).round_().int()


def _wrapped(pixels: Tensor, side: int) -> Tensor:
    """Bring pixels back that lie less than a side below 0."""
    return torch.where(pixels < 0, pixels + side, pixels)
