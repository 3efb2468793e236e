"""How the gradient of a batch comes about. A kind is one file here, with `Options`, a `GradientOptions`, and

    backward(net, frames, targets, objective, teacher, hardware, at, options) -> (terms, logits)

frames: [T, N, 2, H, W]. teacher: what it says of them. at: when in the training, and what is drawn then. The gradients
are added to those of the parameters; the terms of `Objective` and the logits [T, N, C] are returned without gradient.

A kind may have `finish(net, batches, hardware, options)` too: called once behind the last epoch, with batches of
training frames [T, N, 2, H, W] as they are without augmentation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pipeline.config.base import Group
from pipeline.training.seeds import stream


@dataclass(frozen=True)
class Moment:
    """When a batch is learned: the seed of the run, the epoch, and the step in it, both from 0."""

    seed: int
    epoch: int
    step: int

    @property
    def noise(self) -> int:
        """The seed of what layers draw from torch's own stream (dropout)."""
        return stream(self.seed, "noise", self.epoch, self.step).initial_seed()

    def draws(self) -> torch.Generator:
        """Return the stream, from its beginning, of what the gradient itself draws."""
        return stream(self.seed, "gradient", self.epoch, self.step)


class GradientOptions(Group):
    """What the options of every gradient answer.

    `stepwise`: whether it sees one time step at a time. Then every loss must be a mean over steps, and no layer may
    need all frames (attention over time). `varies_steps`: whether the network sees other numbers of steps than T, which
    a layer with a weight for each step cannot. `surrogate`: the kind of surrogate that neurons must have; null: any.
    """

    kind: str
    stepwise: ClassVar[bool] = False
    varies_steps: ClassVar[bool] = False
    surrogate: ClassVar[str | None] = None

    def views(self, steps: int) -> dict[int, Callable[[Tensor], Tensor]]:
        """Return by T' how frames [T, ...] become T', for each T' but T on which a network learns that has so many."""
        del steps
        return {}
