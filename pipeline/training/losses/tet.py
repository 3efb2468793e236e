"""Temporal efficient training (TET; Deng et al., ICLR 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from pipeline.config.base import Share
from pipeline.training.losses import Loss, LossOptions, Targets, TeacherOutput, Terms
from pipeline.training.losses._cross_entropy import ace


class Options(LossOptions):
    """weight: λ, of the second term. target: what all logits are drawn to."""

    kind: Literal["tet"] = "tet"
    weight: Share = 1e-3
    target: float = 1.0

    @property
    def stepwise(self) -> bool:
        return True


class TET(Loss):
    """TET's loss; its second term counts as cross-entropy."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options

    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        del features, teacher
        return {"ce": tet(logits, targets, self.options.weight, self.options.target)}


def build(options: Options) -> Loss:
    """Return the loss of the options."""
    return TET(options)


def tet(logits: Tensor, targets: Targets, weight: float, mean: float) -> Tensor:
    """Return (1 - λ) · ACE + λ · MSE(logits, mean): every step is trained, and the logits are drawn to a mean.

    Args:
        logits: [T, N, C].
        weight: λ, 0 to 1; at 0 this is `ace`.
        mean: what all logits are drawn to.

    Source: Deng et al., Temporal Efficient Training (ICLR 2022), eq. 10 to 12 and their code.
    """
    steps = ace(logits, targets)
    if weight == 0:
        return steps
    return (1 - weight) * steps + weight * (logits.float() - mean).square().mean()
