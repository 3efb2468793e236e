"""Squared distance of the mean output to the label (PLIF, TA-SNN, MA-SNN, RM-SNN)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from pipeline.training.losses import Loss, LossOptions, Targets, TeacherOutput, Terms


class Options(LossOptions):
    """Nothing to choose."""

    kind: Literal["rate-mse"] = "rate-mse"


class RateMSE(Loss):
    """`rate_mse`; it counts as cross-entropy."""

    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        del features, teacher
        return {"ce": rate_mse(logits, targets)}


def build(options: Options) -> Loss:
    """Return the loss of the options."""
    del options
    return RateMSE()


def rate_mse(logits: Tensor, targets: Targets) -> Tensor:
    """Return the mean over N and C of (mean over t of the outputs - one-hot label)², float32.

    Args:
        logits: [T, N, C]; where the last layer spikes, its spikes, so that their mean is a rate.

    Source: Fang et al., Incorporating Learnable Membrane Time Constant (ICCV 2021), and their code.
    """
    rate = logits.float().mean(0)
    return targets.weighed(lambda labels: (rate - F.one_hot(labels, rate.shape[-1])).square().mean(-1))
