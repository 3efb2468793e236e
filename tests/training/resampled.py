"""What torch itself makes of pixels that are moved, for the tests of augmentations."""

from __future__ import annotations

import math

import torch
from torch.nn import functional


def by_grid(sample: torch.Tensor, matrix: list[list[float]]) -> torch.Tensor:
    """Resample [T, 2, H, W] as torchvision does: an affine grid about the centre in pixels, nearest, zeros from
    outside; the matrix goes from the result to the source.
    """
    height, width = sample.shape[-2:]
    (a, b), (c, d) = matrix
    theta = torch.tensor([[[a, b * height / width, 0], [c * width / height, d, 0]]], dtype=torch.float64)
    grid = functional.affine_grid(theta, [1, 1, height, width], align_corners=False)
    flat = sample.reshape(1, -1, height, width).double()
    moved = functional.grid_sample(flat, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return moved.to(sample.dtype).reshape(sample.shape)


def rotated(sample: torch.Tensor, turn: float) -> torch.Tensor:
    """Rotate by radians, counter-clockwise on a screen whose y points down."""
    return by_grid(sample, [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])


def sheared(sample: torch.Tensor, angle: float) -> torch.Tensor:
    """Shear x by radians."""
    return by_grid(sample, [[1, math.tan(angle)], [0, 1]])


def moved(sample: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Move down and to the right; zeros come in."""
    height, width = sample.shape[-2:]
    most = max(height, width, abs(rows), abs(columns))
    padded = functional.pad(sample, (most,) * 4)
    return padded[..., most - rows : most - rows + height, most - columns : most - columns + width]
