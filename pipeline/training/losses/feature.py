"""Distillation of features (Table 5, feature-based); it has no cross-entropy and stands beside a loss that has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from pipeline.config.base import Positive, unique
from pipeline.training.losses import Loss, LossOptions, Targets, TeacherOutput, Terms


class Options(LossOptions):
    """layers: of which the features are distilled. weight: of their distance."""

    needs_teacher = True
    needs_labels = False
    kind: Literal["feature"] = "feature"
    layers: Annotated[list[str], Field(min_length=1), AfterValidator(unique)]
    weight: Positive = 1.0

    @property
    def feature_layers(self) -> tuple[str, ...]:
        return tuple(self.layers)


class Feature(Loss):
    """weight · distance of features; 1x1 convolutions bring the student's to as many channels as the teacher's."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        self.align = nn.ModuleDict()

    def attach(
        self, student: Mapping[str, int], teacher: Mapping[str, int], classes: int, generator: torch.Generator | None
    ) -> None:
        del classes
        for layer in sorted(self.options.layers):
            if student[layer] != teacher[layer]:
                convolution = nn.Conv2d(student[layer], teacher[layer], 1, bias=False)
                nn.init.kaiming_normal_(convolution.weight, generator=generator)
                self.align[_key(layer)] = convolution

    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        del logits, targets
        if teacher is None:
            raise ValueError("loss feature needs a teacher")
        layers = self.options.layers
        aligned = {layer: self._aligned(layer, features[layer]) for layer in layers}
        term = feature_distance(aligned, {layer: teacher.features[layer] for layer in layers})
        return {"distillation": self.options.weight * term}

    def _aligned(self, layer: str, x: Tensor) -> Tensor:
        aligned: Tensor = self.align[_key(layer)](x) if _key(layer) in self.align else x
        return aligned


def build(options: Options) -> Loss:
    """Return the loss of the options."""
    return Feature(options)


def feature_distance(student: Mapping[str, Tensor], teacher: Mapping[str, Tensor]) -> Tensor:
    """Return the mean squared distance at each layer, averaged over the layers.

    Args:
        student: features averaged over time steps, {layer: [N, ...]}. teacher: the same, over frames; no gradient
            reaches them.

    Raises:
        ValueError: no layers, others on one side, or features of another shape.
    """
    if not student or set(student) != set(teacher):
        raise ValueError(f"expected the same layers on both sides, found {sorted(student)} and {sorted(teacher)}")
    for layer, x in student.items():
        if x.shape != teacher[layer].shape:
            raise ValueError(
                f"{layer}: features {list(x.shape)} of the student, {list(teacher[layer].shape)} of the ANN"
            )
    distances = [F.mse_loss(student[layer].float(), teacher[layer].detach().float()) for layer in sorted(student)]
    return torch.stack(distances).mean()


def _key(layer: str) -> str:
    """Return a name that a ModuleDict takes; those of nested layers have dots."""
    return layer.replace(".", "/")
