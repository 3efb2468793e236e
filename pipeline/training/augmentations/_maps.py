"""Maps of pixels: for each sample one, applied to all of its frames and both polarities by one gather for the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipeline.training.augmentations._device import sent

Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Map:
    """Where the pixels of a result come from.

    source: flat index y · width + x, int64 [N, H, W], 0 where outside. inside: bool [N, H, W]; False: nothing comes,
    the pixel is 0.
    """

    source: Tensor
    inside: Tensor

    def after(self, first: Map) -> Map:
        """Return the map that does `first` and then this one, as if frames were moved twice."""
        index = self.source.flatten(1)
        source, inside = (x.flatten(1).gather(1, index).view_as(self.source) for x in (first.source, first.inside))
        inside = inside & self.inside
        return Map(source * inside, inside)

    def applied(self, frames: Tensor) -> Tensor:
        """Return frames [N, T, 2, H, W] of any dtype, mapped; the given ones stay as they are."""
        index, keep = self.source.flatten(1), self.inside.flatten(1)
        pixels = frames.reshape(len(frames), -1, index.shape[1])
        moved = pixels.gather(2, index[:, None].expand(-1, pixels.shape[1], -1))
        return moved.mul_(keep[:, None]).reshape(frames.shape)


@dataclass(frozen=True)
class Movement:
    """What is done to each of N samples: tensors [N], as drawn on the CPU; None: to none of them.

    First left and right are exchanged where `flip`, bool, is set. Then a sample is turned by `turn` radians about the
    centre, or leant by `lean` pixels of x a row, or rolled by (rows, columns), which wraps, or moved by (rows,
    columns), which does not: one of these at most, the others are 0. At last the rectangle is emptied whose first pixel
    is `hole` (row, column) and whose sides are `sides` (rows, columns); it may reach outside. Angles and leans are
    float64, pixels int64.
    """

    flip: Tensor | None = None
    turn: Tensor | None = None
    lean: Tensor | None = None
    roll: Pair | None = None
    move: Pair | None = None
    hole: Pair | None = None
    sides: Pair | None = None

    def map(self, frames: Tensor) -> Map:
        """Return the map for frames [N, T, 2, H, W], on their device.

        Signs and centre are those of torchvision's functional.rotate (counter-clockwise) and functional.affine, and of
        torch.roll: down and to the right is positive. A turn or lean takes the nearest pixel, or 0 from outside.
        """
        (height, width), device = frames.shape[-2:], frames.device
        return self._to(device)._map(len(frames), height, width, device)

    def _map(self, count: int, height: int, width: int, device: torch.device) -> Map:
        rows, columns = self._turned(height, width, device)
        if self.move is not None:
            rows, columns = (x - by.int()[:, None, None] for x, by in zip((rows, columns), self.move, strict=True))
        inside = (columns == columns.clamp(0, width - 1)) & (rows == rows.clamp(0, height - 1))
        if self.roll is not None:
            rows, columns = _rolled(rows, self.roll[0], height), _rolled(columns, self.roll[1], width)
        if self.flip is not None:
            columns = torch.where(self.flip[:, None, None], width - 1 - columns, columns)
        if self.hole is not None and self.sides is not None:
            inside = inside & ~_rectangle(self.hole, self.sides, height, width, device)
        source = ((rows * width + columns) * inside).long()
        shape = (count, height, width)
        return Map(source.expand(shape), inside.expand(shape))

    def _to(self, device: torch.device) -> Movement:
        moved: dict[str, Any] = {
            name: tuple(sent(x, device) for x in drawn) if isinstance(drawn, tuple) else sent(drawn, device)
            for name, drawn in vars(self).items()
            if drawn is not None
        }
        return Movement(**moved)

    def _turned(self, height: int, width: int, device: torch.device) -> Pair:
        """Return the rows and columns that pixels come from, int32, of shapes that broadcast to [N, H, W]."""
        if self.turn is None and self.lean is None:
            rows, columns = (torch.arange(side, dtype=torch.int32, device=device) for side in (height, width))
            return rows[None, :, None], columns[None, None, :]
        y, x = (torch.arange(side, dtype=torch.float64, device=device) - (side - 1) / 2 for side in (height, width))
        turn, lean = (torch.zeros(1, 1, device=device) if by is None else by[:, None] for by in (self.turn, self.lean))
        # Each coordinate is a sum of a term of the column and one of the row: the maps of all pixels cost one addition.
        columns = _nearest(x * turn.cos(), y * (lean - turn.sin()), width)
        return _nearest(x * turn.sin(), y * turn.cos(), height), columns


def _nearest(by_column: Tensor, by_row: Tensor, side: int) -> Tensor:
    """Return centred coordinates, terms [N, W] and [N, H], rounded to pixels int32 [N, H, W] of a side."""
    return (by_column[:, None, :] + (by_row + (side - 1) / 2)[:, :, None]).round_().int()


def _rolled(pixels: Tensor, by: Tensor, side: int) -> Tensor:
    """Return pixels moved back by so many, those brought back that lie less than a side below 0."""
    moved = pixels - (by % side).int()[:, None, None]
    return torch.where(moved < 0, moved + side, moved)


def _rectangle(first: Pair, sides: Pair, height: int, width: int, device: torch.device) -> Tensor:
    """Return the pixels of each sample's rectangle, bool [N, H, W]."""
    within = []
    for start, side, pixels in zip(first, sides, (height, width), strict=True):
        at = torch.arange(pixels, device=device)
        within.append((at >= start[:, None]) & (at < (start + side)[:, None]))
    return within[0][:, :, None] & within[1][:, None, :]
