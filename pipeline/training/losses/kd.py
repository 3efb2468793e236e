"""Distillation of the mean answer (KD, eq. 9 and 10)."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator
from torch import Tensor

from pipeline.training.losses import Loss
from pipeline.training.losses._response import Response, ResponseOptions, divergence, log_average


class Options(ResponseOptions):
    """Cross-entropy + weight · eq. 9; `average` is the student's too.

    mix: sum, or convex: (1 - weight) · cross-entropy + weight · eq. 9, as KDSNN has it (Xu et al., CVPR 2023; from
    memory of the paper).
    """

    kind: Literal["kd"] = "kd"
    mix: Literal["sum", "convex"] = "sum"

    @model_validator(mode="after")
    def _cross_entropy_is_left(self) -> Options:
        if self.mix == "convex" and self.weight >= 1:
            raise ValueError(f"weight: with mix: convex it must be below 1, found {self.weight}")
        return self

    @property
    def ce_weight(self) -> float:
        return 1 - self.weight if self.mix == "convex" else 1.0


def build(options: Options) -> Loss:
    """Return the loss of the options."""
    return Response(options, kd)


def kd(student: Tensor, teacher: Tensor, temperature: float, average: str = "probabilities") -> Tensor:
    """Return τ² · KL(teacher ‖ student), both averaged over their steps (eq. 9 and 10).

    The divergence is summed over classes and averaged over the batch.

    Args:
        student: logits [T, N, C]. teacher: logits [T', N, C]; no gradient reaches them.
        temperature: τ.
        average: over the steps, "probabilities": of softmax(z/τ), as eq. 10; "logits": of z, before the softmax.
    """
    soft = log_average(teacher.detach(), temperature, average)
    return divergence(soft, log_average(student, temperature, average)).mean() * temperature**2
