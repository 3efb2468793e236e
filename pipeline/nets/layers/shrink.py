"""Fewer time steps behind a layer than before it (SSNN; Ding et al., AAAI 2024).

How SSNN's temporal transformer makes few steps of many is not published in full; that it mixes them by weights that
learn and are normalised, and each of these four ways, is our reading.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.config.base import Count, Group, Nonnegative
from pipeline.nets import kernels
from pipeline.nets.layers._waits import Waiting

# The answer at a step hangs on all frames.
CAUSAL = False

By = Literal["linear", "group", "mean", "first"]


class Options(Group):
    """How many steps are left, and how they come to be: see `build`. `focus`: of linear, at the start."""

    kind: Literal["shrink"] = "shrink"
    to: Count
    by: By = "linear"
    focus: Nonnegative = 4.0


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the layer for so many steps, which must be at least as many as are left.

    linear: a mixture of all steps, whose weights learn. group: the sum of neighbouring steps. mean: their mean.
    first: the first steps alone.

    Raises:
        ValueError: it is not known how many steps, or they are too few.
    """
    del channels
    if steps is None or steps < options.to:
        raise ValueError(f"shrink: expected at least {options.to} steps to make {options.to} of, found {steps}")
    if options.by in ("group", "first"):
        return Shrink(steps, options.to, options.by == "group")
    return Mixture(steps, options.to, options.focus if options.by == "linear" else None)


class Shrink(Waiting):
    """Sums of neighbouring time steps, so that no spike is lost, or the first steps alone.

    Group j ends at round((j + 1) · T / T'), halves upwards. Sums of spikes are numbers of spikes, and count as such.

    Args:
        steps: T. left: T', at most T. sums: whether steps are added.

    Shape: [T, N, ...] -> [T', N, ...]. It has no single-step mode.

    Raises:
        ValueError: another number of time steps than it was built for.
    """

    def __init__(self, steps: int, left: int, sums: bool) -> None:
        super().__init__(steps)
        self.left, self.sums = left, sums

    def forward(self, x: Tensor) -> Tensor:
        self.check_steps(x)
        if not self.sums:
            return x[: self.left]
        dense = kernels.dense(x)
        return kernels.undense(torch.stack([dense[first:stop].sum(0) for first, stop in groups(self.steps, self.left)]))

    def extra_repr(self) -> str:
        return f"steps={self.steps}, left={self.left}, sums={self.sums}"


class Mixture(Waiting):
    """y(j) = Σ_i A(j, i) · x(i), real-valued; each row of A is positive or 0 and has the sum 1.

    Args:
        steps: T. left: T', at most T.
        focus: of an A that learns, softmax of the parameter `mixing`: by how much that is larger in step i's own group
            than elsewhere at the start, so that rows are nearly the groups' means. None: the means themselves, fixed.

    Shape: [T, N, ...] -> [T', N, ...] float32. It has no single-step mode.

    Raises:
        ValueError: another number of time steps than it was built for.
    """

    means: Tensor

    def __init__(self, steps: int, left: int, focus: float | None) -> None:
        super().__init__(steps)
        self.left = left
        own = torch.zeros(left, steps)
        for row, (first, stop) in zip(own, groups(steps, left), strict=True):
            row[first:stop] = 1.0
        self.register_buffer("means", own / own.sum(1, keepdim=True), persistent=False)
        self.mixing = None if focus is None else nn.Parameter(focus * own)

    def weights(self) -> Tensor:
        """Return A, float32 [T', T]."""
        return self.means if self.mixing is None else self.mixing.softmax(1)

    def forward(self, x: Tensor) -> Tensor:
        self.check_steps(x)
        dense = kernels.dense(x)
        with torch.autocast("cuda" if x.is_cuda else "cpu", enabled=False):
            mixed = self.weights() @ dense.flatten(1).float()
        return kernels.undense(mixed.view(self.left, *dense.shape[1:]))

    def operations(self, x: Tensor) -> int:
        """Return the multiply-accumulates of values that are not 0 with weights that are not 0."""
        values = torch.count_nonzero(x.flatten(1), dim=1)
        return int((values * torch.count_nonzero(self.weights(), dim=0)).sum())

    def extra_repr(self) -> str:
        return f"steps={self.steps}, left={self.left}, learns={self.mixing is not None}"


def groups(steps: int, left: int) -> list[tuple[int, int]]:
    """Return where each of `left` groups of neighbouring steps begins and stops."""
    return list(pairwise((2 * group * steps + left) // (2 * left) for group in range(left + 1)))
