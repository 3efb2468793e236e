"""Early classifiers behind layers of the network (SSNN); stands beside the loss of the network's own answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field, model_validator
from torch import Tensor, nn

from pipeline.config.base import Positive, unique
from pipeline.training.losses import Loss, LossOptions, Targets, TeacherOutput, Terms
from pipeline.training.losses._cross_entropy import ce_mean


class Options(LossOptions):
    """layers: each has a classifier behind it. weights: of their cross-entropies, in the same order; null: 1 each."""

    needs_labels = False
    kind: Literal["early"] = "early"
    layers: Annotated[list[str], Field(min_length=1), AfterValidator(unique)]
    weights: list[Positive] | None = None

    @model_validator(mode="after")
    def _a_weight_each(self) -> Options:
        if self.weights is not None and len(self.weights) != len(self.layers):
            raise ValueError(f"weights: {len(self.weights)} of them for {len(self.layers)} layers; give one each")
        return self

    @property
    def feature_layers(self) -> tuple[str, ...]:
        return tuple(self.layers)


class Early(Loss):
    """Σ weight · cross-entropy of linear(mean over steps and pixels of what leaves a layer).

    A linear classifier of the mean over steps answers what the mean of its answers to each step would be, so a network
    that changes its number of steps between layers needs nothing of its own. The classifiers are left behind.

    Source: Ding et al., Shrinking Your TimeStep (AAAI 2024) for the terms; pooling and weights are our reading.
    """

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        self.heads = nn.ModuleList()

    def attach(
        self, student: Mapping[str, int], teacher: Mapping[str, int], classes: int, generator: torch.Generator | None
    ) -> None:
        del teacher
        for layer in self.options.layers:
            head = nn.Linear(student[layer], classes)
            nn.init.kaiming_uniform_(head.weight, a=5**0.5, generator=generator)
            nn.init.zeros_(head.bias)
            self.heads.append(head)

    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        del logits, teacher
        layers = self.options.layers
        terms = [
            weight * ce_mean(head(_pooled(features[layer]))[None], targets)
            for layer, head, weight in zip(layers, self.heads, self.options.weights or [1.0] * len(layers), strict=True)
        ]
        return {"ce": torch.stack(terms).sum()}


def build(options: Options) -> Loss:
    """Return the loss of the options."""
    return Early(options)


def _pooled(x: Tensor) -> Tensor:
    """Return the mean over pixels or tokens, [N, C, ...] -> [N, C]."""
    return x.flatten(2).mean(2) if x.dim() > 2 else x
