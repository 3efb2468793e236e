"""Backpropagation through time."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.nets.forward import forward_features
from pipeline.runtime.hardware import Hardware
from pipeline.training.gradients import GradientOptions, Moment
from pipeline.training.losses import Targets, TeacherOutput, Terms
from pipeline.training.objective import Objective


class Options(GradientOptions):
    """Nothing to choose."""

    kind: Literal["bptt"] = "bptt"


def backward(
    net: nn.Module,
    frames: Tensor,
    targets: Targets,
    objective: Objective,
    teacher: TeacherOutput | None,
    hardware: Hardware,
    at: Moment,
    options: Options,
) -> tuple[Terms, Tensor]:
    """Go once over all steps and once back; arguments and result as the group asks."""
    del options
    torch.manual_seed(at.noise)
    with hardware.autocast():
        logits, features = forward_features(net, frames, objective.layers)
        terms = objective(logits, targets, features, teacher)
    terms["loss"].backward()
    return {name: term.detach() for name, term in terms.items()}, logits.detach()
