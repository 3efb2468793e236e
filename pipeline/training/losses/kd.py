"""Distillation of the mean answer (KD, eq. 9 and 10)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from pipeline.training.losses import Loss
from pipeline.training.losses._response import Response, ResponseOptions, divergence, log_average


class Options(ResponseOptions):
    """Cross-entropy + weight · eq. 9; `average` is the student's too."""

    kind: Literal["kd"] = "kd"


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
