"""What losses learn from. A kind of loss is one file here; the losses of a recipe are summed by `training.objective`.

Such a file has `Options`, a `LossOptions`, and `build(options) -> Loss`. What config must know to refuse a recipe that
cannot be is asked of the options, so nothing is built for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from pipeline.config.base import Group

# Parts of a loss, scalars float32: "ce", what comes of the labels, and "distillation", what comes of answers: the
# teacher's, or the network's own.
Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Targets:
    """What a batch should be answered: labels int64 [N], or of two recordings mixed in one, two labels and a weight.

    `weight` [N], 0 to 1, is that of `labels`; `other` int64 [N] has the rest. A loss of labels is then
    weight · loss(labels) + (1 - weight) · loss(other), averaged over the batch.

    Raises:
        ValueError: one of other and weight without the other.
    """

    labels: Tensor
    other: Tensor | None = None
    weight: Tensor | None = None

    def __post_init__(self) -> None:
        if (self.other is None) != (self.weight is None):
            raise ValueError("mixed targets need both the other labels and the weights")

    def weighed(self, loss: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the mean of a loss of labels [N] -> [..., N], each recording's weighed between its two labels."""
        own = loss(self.labels)
        if self.other is None or self.weight is None:
            return own.mean()
        return (self.weight * own + (1 - self.weight) * loss(self.other)).mean()

    @property
    def heavier(self) -> Tensor:
        """The label [N] that weighs more."""
        if self.other is None or self.weight is None:
            return self.labels
        return torch.where(self.weight >= 0.5, self.labels, self.other)


@dataclass(frozen=True)
class TeacherOutput:
    """What the teacher says of recordings: logits [T, N, C], and features by layer [N, ...], means over its frames."""

    logits: Tensor
    features: Mapping[str, Tensor]

    def of(self, indices: Tensor) -> TeacherOutput:
        """Return what it says of some of the recordings."""
        return TeacherOutput(self.logits[:, indices], {layer: x[indices] for layer, x in self.features.items()})


class LossOptions(Group):
    """What the options of every loss answer; a kind overrides what differs.

    `needs_teacher`: whether it learns from the ANN. `needs_labels`: whether it holds the network's answers against the
    labels, by a cross-entropy or otherwise; one loss of a recipe does, the others stand beside it.
    """

    kind: str
    needs_teacher: ClassVar[bool] = False
    needs_labels: ClassVar[bool] = True

    @property
    def stepwise(self) -> bool:
        """Whether it is a mean over time steps of losses of one step each."""
        return False

    @property
    def feature_layers(self) -> tuple[str, ...]:
        """The layers whose features it wants of the student, and of the teacher where it needs one."""
        return ()


class Loss(nn.Module, ABC):
    """One loss of a recipe; its own parameters, if any, learn with the network and are left behind."""

    def attach(
        self, student: Mapping[str, int], teacher: Mapping[str, int], classes: int, generator: torch.Generator | None
    ) -> None:
        """Make the parameters it needs, once, before training; most losses need none.

        Args:
            student: channels of the student at its layers. teacher: the same of the teacher, if a loss asks for it.
            classes: as many as the student has logits.
            generator: of the initial weights.
        """

    @abstractmethod
    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        """Return the terms of a batch.

        Args:
            logits: [T, N, C], of any float dtype.
            targets: of N recordings.
            features: of the student by layer, float32 [N, ...], means over its time steps; at least its own layers.
            teacher: what the teacher says of the same recordings; None only where no loss needs one.
        """
