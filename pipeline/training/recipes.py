"""What a recipe of params.yaml means: its student, its teacher and its loss."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.config import Recipe, TrainAnn
from pipeline.nets import FrameNet
from pipeline.nets.fold import folded
from pipeline.training import losses

# What one batch gives: the terms of the loss, "loss" being what is minimised.
Terms = dict[str, Tensor]

CROSS_ENTROPIES = {"ace": losses.ace, "ce_mean": losses.ce_mean, "steps": losses.ace, "mean": losses.ce_mean}
DISTILLATIONS = {"kd": losses.kd, "skd": losses.skd}
# Channels are the second axis of features averaged over time, [N, C, H, W].
CHANNELS = 1


@dataclass(frozen=True)
class Soft:
    """What the teacher says of recordings: logits [T, N, C], and features by tap [N, C, H, W]."""

    logits: Tensor
    features: Mapping[str, Tensor]

    def of(self, indices: Tensor) -> Soft:
        """Take some of the recordings."""
        return Soft(self.logits[:, indices], {tap: feature[indices] for tap, feature in self.features.items()})


class Objective(nn.Module, ABC):
    """The loss of a phase; its own parameters, if any, learn with the network and are left behind.

    `taps` are the layers of the network whose features `loss` wants.
    """

    taps: tuple[str, ...] = ()

    def soft(self, frames: Tensor) -> Soft | None:
        """Ask the teacher about frames [T, N, 2, H, W]; None where there is none."""
        del frames
        return None

    @abstractmethod
    def loss(self, logits: Tensor, labels: Tensor, features: Mapping[str, Tensor], soft: Soft | None) -> Terms:
        """Give the terms for logits [T, N, C], labels [N] and the student's features at the taps."""


class CrossEntropy(Objective):
    """Phase 1 (eq. 5, or the cross-entropy of the mean)."""

    def __init__(self, settings: TrainAnn) -> None:
        super().__init__()
        self.cross_entropy = CROSS_ENTROPIES[settings.loss]

    def loss(self, logits: Tensor, labels: Tensor, features: Mapping[str, Tensor], soft: Soft | None) -> Terms:
        del features, soft
        loss = self.cross_entropy(logits, labels)
        return {"loss": loss, "ce": loss, "distillation": torch.zeros_like(loss)}


class Distillation(Objective):
    """Phase 2: cross-entropy or TET's loss, + weight · distillation (eq. 13), + tap_weight · distance of features.

    Args:
        recipe: its loss, weights and temperature.
        teacher: the frozen ANN; it sees the same frames as the student. None where the recipe has no distillation.
        widths: channels of the student and of the teacher at each tap: where they differ, a 1x1 convolution that
            learns with the student brings the student's to the teacher's.
    """

    def __init__(
        self,
        recipe: Recipe,
        teacher: FrameNet | None,
        widths: Mapping[str, tuple[int, int]] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if recipe.distils and teacher is None:
            raise ValueError(f"loss {recipe.loss} with taps {recipe.taps} needs a teacher")
        self.recipe = recipe
        # In a tuple, so that it is no part of this module: neither trained nor saved with it.
        self.teacher = (teacher,) if teacher is not None and recipe.distils else ()
        self.taps = tuple(recipe.taps)
        self.cross_entropy = CROSS_ENTROPIES[recipe.ce]
        self.align = nn.ModuleDict()
        for tap, (own, other) in sorted((widths or {}).items()):
            if own != other:
                bring = nn.Conv2d(own, other, 1, bias=False)
                nn.init.kaiming_normal_(bring.weight, generator=generator)
                self.align[tap] = bring

    @torch.no_grad()
    def soft(self, frames: Tensor) -> Soft | None:
        return Soft(*self.teacher[0].tapped(frames, self.taps)) if self.teacher else None

    def loss(self, logits: Tensor, labels: Tensor, features: Mapping[str, Tensor], soft: Soft | None) -> Terms:
        recipe = self.recipe
        if recipe.loss == "tet":
            ce = losses.tet(logits, labels, recipe.weight, recipe.target)
        else:
            ce = self.cross_entropy(logits, labels)
        distillation = torch.zeros_like(ce)
        if soft is None:
            return {"loss": ce, "ce": ce, "distillation": distillation}
        if recipe.loss in DISTILLATIONS:
            term = DISTILLATIONS[recipe.loss](logits, soft.logits, recipe.temperature, recipe.average)
            distillation = distillation + recipe.weight * term
        if self.taps:
            aligned = {tap: self.align[tap](x) if tap in self.align else x for tap, x in features.items()}
            distillation = distillation + recipe.tap_weight * losses.features(aligned, soft.features)
        return {"loss": ce + distillation, "ce": ce, "distillation": distillation}


def ann_objective(settings: TrainAnn) -> Objective:
    """Give the loss of phase 1."""
    return CrossEntropy(settings)


def snn_objective(
    recipe: Recipe,
    teacher: FrameNet | None,
    student: FrameNet | None = None,
    sample: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Objective:
    """Give the loss of phase 2; with taps, `student` and frames [T, N, 2, H, W] show how many channels there are."""
    if not recipe.taps or teacher is None:
        return Distillation(recipe, teacher)
    if student is None or sample is None:
        raise ValueError("taps need the student and frames to find their channels")
    own, other = channels(student, sample, recipe.taps), channels(teacher, sample, recipe.taps)
    return Distillation(recipe, teacher, {tap: (own[tap], other[tap]) for tap in recipe.taps}, generator)


@torch.no_grad()
def channels(net: FrameNet, frames: Tensor, taps: list[str]) -> dict[str, int]:
    """Find the channels of a network at its taps; the network is left as it was."""
    probe = copy.deepcopy(net).eval()
    found = probe.tapped(frames.to(next(probe.parameters()).device), taps)[1]
    return {tap: feature.shape[CHANNELS] for tap, feature in found.items()}


def frozen(ann: FrameNet) -> FrameNet:
    """Copy an ANN as a teacher: another object, in eval mode with batch norm folded, without gradients."""
    return folded(ann)
