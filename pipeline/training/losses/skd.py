"""Step-wise distillation (SKD, eq. 11)."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from pipeline.training.losses import Loss
from pipeline.training.losses._response import Response, ResponseOptions, divergence, log_average


class Options(ResponseOptions):
    """Cross-entropy + weight · eq. 11; with ce: steps all of it is a mean over steps."""

    kind: Literal["skd"] = "skd"

    @property
    def stepwise(self) -> bool:
        return self.ce == "steps"


def build(options: Options) -> Loss:
    """Return the loss of the options."""
    return Response(options, skd)


def skd(student: Tensor, teacher: Tensor, temperature: float, average: str = "probabilities") -> Tensor:
    """Return τ² · mean over t of KL(teacher ‖ student at t), the teacher averaged over its steps (eq. 11).

    Never less than `kd` of the same arguments (Jensen), and equal to it at one step.

    Args:
        student: logits [T, N, C]. teacher: logits [T', N, C]; no gradient reaches them.
        temperature: τ.
        average: of the teacher's steps, "probabilities": of softmax(z/τ), as eq. 10; "logits": of z.
    """
    soft = log_average(teacher.detach(), temperature, average)
    return divergence(soft, F.log_softmax(student.float() / temperature, dim=-1)).mean() * temperature**2
