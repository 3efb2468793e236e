"""What both libraries' users build for an epoch: a data set of files, an augmentation of one sample, a DataLoader."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from benchmarks.peers import jelly_frames
from pipeline.config import Augment


class NpzFolder(Dataset[tuple[Tensor, int]]):
    """A folder of SpikingJelly's frames files."""

    def __init__(self, files: list[Path], labels: list[int], transform: Callable[[NDArray[Any]], Tensor]) -> None:
        self.files, self.labels, self.transform = files, labels, transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(jelly_frames.load(self.files[index])), self.labels[index]


class Transform:
    """The frames of a phase as floats, varied as NDA does it: one of roll, rotate, shear for all frames of a sample.

    On a tensor, torchvision's rotate and affine are these calls of affine_grid and grid_sample.
    """

    def __init__(self, steps: int, settings: Augment) -> None:
        self.steps, self.settings = steps, settings

    def __call__(self, frames: NDArray[Any]) -> Tensor:
        x = torch.from_numpy(frames[: self.steps]).float()
        settings = self.settings
        kind = int(torch.randint(3, ()))
        if kind == 0:
            reach = settings.roll_px
            rows, columns = torch.randint(-reach, reach + 1, (2,)).tolist()
            return torch.roll(x, (rows, columns), (-2, -1))
        amount = float(2 * torch.rand(()) - 1)
        if kind == 1:
            return rotate(x, amount * settings.rotate_deg)
        return shear(x, amount * settings.shear_deg)


def rotate(x: Tensor, degrees: float) -> Tensor:
    """Rotate frames [T, 2, H, W] counter-clockwise about their centre, nearest pixel, 0 from outside."""
    angle = math.radians(degrees)
    return _affine(x, [[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0]])


def shear(x: Tensor, degrees: float) -> Tensor:
    """Shear frames [T, 2, H, W] along x."""
    return _affine(x, [[1.0, math.tan(math.radians(degrees)), 0.0], [0.0, 1.0, 0.0]])


def _affine(x: Tensor, matrix: list[list[float]]) -> Tensor:
    theta = torch.tensor(matrix).expand(len(x), 2, 3)
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, mode="nearest", padding_mode="zeros", align_corners=False)


def loader(dataset: Any, batch: int, workers: int, seed: int) -> DataLoader[Any]:
    """Make a DataLoader with its best settings on a CPU: workers that stay, no pinned memory."""
    return DataLoader(
        dataset,
        batch_size=batch,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=False,
        generator=torch.Generator().manual_seed(seed),
    )
