"""Cross-entropy alone: phase 1 (eq. 5), phase 2 without a teacher, and that of each prefix (DT-SNN)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from pipeline.training.losses import Loss, LossOptions, Targets, TeacherOutput, Terms
from pipeline.training.losses._cross_entropy import ace, cross_entropy

Prefix = Literal["mean", "sum"]


class Options(LossOptions):
    """Of which logits, and against which target.

    of: mean: of the mean logits (L_CE of eq. 13); steps: the mean of each step's cross-entropy (eq. 5); prefix: the
    mean of those of the logits up to each step. prefix: whether the logits up to a step are averaged or summed.
    smoothing: ε, the share of the target that all classes have in equal parts: (1 - ε) · label + ε/C.
    """

    kind: Literal["ce"] = "ce"
    of: Literal["mean", "steps", "prefix"] = "mean"
    prefix: Prefix = "mean"
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @model_validator(mode="after")
    def _prefix_is_asked_for(self) -> Options:
        if self.of != "prefix" and self.prefix != "mean":
            raise ValueError(f"prefix: {self.prefix} says how logits up to a step come together; set of: prefix")
        return self

    @property
    def stepwise(self) -> bool:
        return self.of == "steps"


class CrossEntropy(Loss):
    """The cross-entropy that the options ask for."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options

    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        del features, teacher
        options = self.options
        if options.of == "prefix":
            return {"ce": ace(prefixes(logits, options.prefix), targets, options.smoothing)}
        return {"ce": cross_entropy(logits, targets, options.of, options.smoothing)}


def build(options: Options) -> Loss:
    """Return the loss of the options."""
    return CrossEntropy(options)


def prefixes(logits: Tensor, prefix: Prefix) -> Tensor:
    """Return the sum or the mean of the logits up to each step, float32 [T, N, C].

    With the sum, the softmax sharpens from step to step, as that of DT-SNN's early exit does.

    Args:
        logits: [T, N, C].

    Source: Li et al., Input-Aware Dynamic Timestep SNNs (DAC 2023); their code leaves out the last step.
    """
    sums = logits.float().cumsum(0)
    if prefix == "sum":
        return sums
    return sums / torch.arange(1, len(sums) + 1, device=sums.device).view(-1, 1, 1)
