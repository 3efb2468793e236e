"""Self-distillation between time steps by confidence (weak to strong); stands beside a loss of the labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.config.base import Positive
from pipeline.training.losses import Loss, LossOptions, Targets, TeacherOutput, Terms
from pipeline.training.losses._response import divergence


class Options(LossOptions):
    """Which step teaches which.

    weight: λ. temperature: τ. order: cascade: each step and the next less confident; extremes: the most and the least
    confident alone. direction: weak: the less confident of a pair is the teacher; strong: the more confident.
    detach: whether the gradient stops at the teacher.
    """

    needs_labels = False
    kind: Literal["w2s"] = "w2s"
    weight: Positive = 1.0
    temperature: Positive = 2.0
    order: Literal["cascade", "extremes"] = "cascade"
    direction: Literal["weak", "strong"] = "weak"
    detach: bool = False


class W2S(Loss):
    """weight · `w2s`."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options

    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        del targets, features, teacher
        o = self.options
        return {"distillation": o.weight * w2s(logits, o.temperature, o.order, o.direction, o.detach)}


def build(options: Options) -> Loss:
    """Return the loss of the options."""
    return W2S(options)


def w2s(
    logits: Tensor, temperature: float, order: str = "cascade", direction: str = "weak", detach: bool = False
) -> Tensor:
    """Return τ² · mean over pairs of KL(p(teacher) ‖ p(student)), p = softmax(z/τ), of steps by falling confidence.

    The confidence of a step is the batch's mean of its largest probability. The divergence is summed over classes and
    averaged over the batch. 0 at one step.

    Args:
        logits: z, [T, N, C].

    Source: Ding et al., Synergy between the Strong and the Weak (NeurIPS 2025), whose pseudocode lets both sides learn;
    whether τ² stands before it is not said there (our reading).
    """
    if len(logits) == 1:
        return logits.new_zeros((), dtype=torch.float32)
    logits = logits.float()
    with torch.no_grad():
        confidence = logits.softmax(-1).amax(-1).mean(1)
        places = confidence.argsort(descending=True, stable=True)
        if order == "extremes":
            places = places[:: len(places) - 1]
    ordered = F.log_softmax(logits.index_select(0, places) / temperature, dim=-1)
    strong, weak = ordered[:-1], ordered[1:]
    teacher, student = (weak, strong) if direction == "weak" else (strong, weak)
    return divergence(teacher.detach() if detach else teacher, student).mean() * temperature**2
