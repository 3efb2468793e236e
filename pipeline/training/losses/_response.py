"""What the two distillations of the teacher's answers share: options, averages over steps, the divergence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.config.base import Positive
from pipeline.training.losses import Loss, LossOptions, Targets, TeacherOutput, Terms
from pipeline.training.losses._cross_entropy import cross_entropy

AVERAGES = ("probabilities", "logits")
# (student's logits [T, N, C], teacher's [T', N, C], τ, average) -> a scalar
Distillation = Callable[[Tensor, Tensor, float, str], Tensor]


class ResponseOptions(LossOptions):
    """cross-entropy + weight · distillation (eq. 13).

    weight: λ, above 0: nothing else distils. temperature: τ. average: how the teacher's frames become one answer:
    probabilities (eq. 10) or logits. ce: of the mean logits, or the mean of each step's.
    """

    needs_teacher = True
    weight: Positive = 1.0
    temperature: Positive = 2.0
    average: Literal["probabilities", "logits"] = "probabilities"
    ce: Literal["mean", "steps"] = "mean"

    @property
    def ce_weight(self) -> float:
        """What the cross-entropy is multiplied by."""
        return 1.0


class Response(Loss):
    """Cross-entropy and the distillation of the teacher's answers."""

    def __init__(self, options: ResponseOptions, distillation: Distillation) -> None:
        super().__init__()
        self.options, self.distillation = options, distillation

    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        del features
        if teacher is None:
            raise ValueError(f"loss {self.options.kind} needs a teacher")
        options = self.options
        term = self.distillation(logits, teacher.logits, options.temperature, options.average)
        entropy = options.ce_weight * cross_entropy(logits, targets, options.ce)
        return {"ce": entropy, "distillation": options.weight * term}


def log_average(logits: Tensor, temperature: float, average: str) -> Tensor:
    """Return the logarithm [N, C] of the mean over steps of softmax(z/τ), or of the softmax of the mean of z/τ.

    Args:
        logits: z, [T, N, C].
        average: "probabilities" or "logits".

    Raises:
        ValueError: another average.
    """
    if average not in AVERAGES:
        raise ValueError(f"average must be one of {AVERAGES}, found {average!r}")
    scaled = logits.float() / temperature
    if average == "logits":
        return F.log_softmax(scaled.mean(0), dim=-1)
    # In log space: the mean of softmaxes can underflow where its logarithm does not.
    return torch.logsumexp(F.log_softmax(scaled, dim=-1), dim=0) - math.log(len(scaled))


def divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return KL(p ‖ q), summed over classes: [..., C] -> [...]."""
    return (log_p.exp() * (log_p - log_q)).sum(-1)
