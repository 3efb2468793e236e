"""Each step learns from the mean of all (temporal-wise logit distillation); stands beside a loss of the labels."""

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
    """weight: of the term. temperature: τ. of: the mean of all steps (paper), or of those that are right (code)."""

    needs_labels = False
    kind: Literal["ensemble"] = "ensemble"
    weight: Positive = 0.5
    temperature: Positive = 3.0
    of: Literal["all", "right"] = "all"


class Ensemble(Loss):
    """weight · `ensemble`."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options

    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        del features, teacher
        options = self.options
        return {"distillation": options.weight * ensemble(logits, targets, options.temperature, options.of)}


def build(options: Options) -> Loss:
    """Return the loss of the options."""
    return Ensemble(options)


def ensemble(logits: Tensor, targets: Targets, temperature: float, of: str = "all") -> Tensor:
    """Return τ² · mean over t of KL(p(m) ‖ p(z_t)), where p is softmax(z/τ) and m the mean of the steps' logits.

    No gradient reaches m. The divergence is summed over classes and averaged over the batch. 0 at one step.

    Args:
        logits: z, [T, N, C].
        temperature: τ.
        of: "all" steps, or those that are "right" for the label, of mixed recordings the one that weighs more (our
            reading); where none is right, m is 0 for every class.

    Source: temporal-wise logit distillation (ICML 2025, arXiv 2501.15925): "all" its paper, "right" its code.
    """
    if len(logits) == 1:
        return logits.new_zeros((), dtype=torch.float32)
    logits = logits.float()
    goal = logits.detach()
    if of == "right":
        right = (goal.argmax(-1) == targets.heavier).unsqueeze(-1)
        goal = (goal * right).sum(0) / right.sum(0).clamp(min=1)
    else:
        goal = goal.mean(0)
    soft, own = (F.log_softmax(z / temperature, dim=-1) for z in (goal, logits))
    return divergence(soft, own).mean() * temperature**2
