"""What a recipe of params.yaml means: its student and its loss."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.config import Recipe, TrainAnn
from pipeline.nets import FrameNet
from pipeline.training import losses

# What one batch gives: the terms of the loss, "loss" being what is minimised.
Terms = dict[str, Tensor]
# (network, frames [T, N, 2, H, W], labels [N]) -> (terms, logits [T, N, C])
Objective = Callable[[FrameNet, Tensor, Tensor], tuple[Terms, Tensor]]

CROSS_ENTROPIES = {"ace": losses.ace, "ce_mean": losses.ce_mean, "steps": losses.ace, "mean": losses.ce_mean}
DISTILLATIONS = {"kd": losses.kd, "skd": losses.skd}


def ann_objective(settings: TrainAnn) -> Objective:
    """Give the loss of phase 1 (eq. 5, or the cross-entropy of the mean)."""
    cross_entropy = CROSS_ENTROPIES[settings.loss]

    def objective(net: FrameNet, frames: Tensor, labels: Tensor) -> tuple[Terms, Tensor]:
        logits = net(frames)
        loss = cross_entropy(logits, labels)
        return {"loss": loss, "ce": loss, "distillation": torch.zeros_like(loss)}, logits

    return objective


def snn_objective(recipe: Recipe, teacher: FrameNet | None) -> Objective:
    """Give the loss of phase 2: L_CE + weight · distillation (eq. 13).

    Args:
        recipe: its loss, weight and temperature.
        teacher: the frozen ANN; it sees the same frames as the student. None where the recipe has no distillation.
    """
    cross_entropy = CROSS_ENTROPIES[recipe.ce]
    distil = DISTILLATIONS.get(recipe.loss)
    if distil is not None and teacher is None:
        raise ValueError(f"loss {recipe.loss} needs a teacher")

    def objective(net: FrameNet, frames: Tensor, labels: Tensor) -> tuple[Terms, Tensor]:
        logits = net(frames)
        ce = cross_entropy(logits, labels)
        if distil is None or teacher is None:
            return {"loss": ce, "ce": ce, "distillation": torch.zeros_like(ce)}, logits
        with torch.no_grad():
            soft = teacher(frames)
        distillation = distil(logits, soft, recipe.temperature, recipe.average)
        return {"loss": ce + recipe.weight * distillation, "ce": ce, "distillation": distillation}, logits

    return objective


def frozen(ann: FrameNet) -> FrameNet:
    """Copy an ANN as a teacher: another object, in eval mode, without gradients."""
    return copy.deepcopy(ann).eval().requires_grad_(False)
