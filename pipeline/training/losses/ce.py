"""Cross-entropy alone: phase 1 (eq. 5), and phase 2 without a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from pipeline.training.losses import Loss, LossOptions, Targets, TeacherOutput, Terms
from pipeline.training.losses._cross_entropy import cross_entropy


class Options(LossOptions):
    """of: mean: of the mean logits (L_CE of eq. 13); steps: the mean of each step's cross-entropy (eq. 5)."""

    kind: Literal["ce"] = "ce"
    of: Literal["mean", "steps"] = "mean"

    @property
    def stepwise(self) -> bool:
        return self.of == "steps"


class CrossEntropy(Loss):
    """The cross-entropy that the options ask for."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.of = options.of

    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        del features, teacher
        return {"ce": cross_entropy(logits, targets, self.of)}


def build(options: Options) -> Loss:
    """Return the loss of the options."""
    return CrossEntropy(options)
