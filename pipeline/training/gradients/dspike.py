"""Back through time with a surrogate whose sharpness is searched at the start of each epoch (Dspike)."""

from __future__ import annotations

import copy
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.config.base import Count, Positive
from pipeline.nets.forward import forward_features
from pipeline.runtime.hardware import Hardware
from pipeline.training.gradients import GradientOptions, Moment, bptt
from pipeline.training.losses import Targets, TeacherOutput, Terms
from pipeline.training.objective import Objective


class Options(GradientOptions):
    """delta: Δ, by which the sharpness b may change. step: ε of the finite differences, a share of the weights' norm.

    directions: in how many the loss is probed. The authors' constants are not known; these are ours.
    """

    kind: Literal["dspike"] = "dspike"
    surrogate = "dspike"
    delta: Positive = 0.2
    step: Positive = 0.05
    directions: Count = 16


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
    """Search, if it is the epoch's first batch, then go back through time; arguments and result as the group asks.

    Raises:
        ValueError: the network has no surrogate of kind dspike.
    """
    given = frames, targets, objective, teacher, hardware, at
    if at.step == 0:
        search(net, *given, options)
    return bptt.backward(net, *given, bptt.Options())


def search(
    net: nn.Module,
    frames: Tensor,
    targets: Targets,
    objective: Objective,
    teacher: TeacherOutput | None,
    hardware: Hardware,
    at: Moment,
    options: Options,
) -> None:
    """Set the sharpness of all surrogates to that of b, b - Δ, b + Δ whose gradient is most like finite differences.

    Compared by their cosine over random directions of the first layer's weights. b is a buffer of the network,
    so it is saved with it. Nothing else of the network changes: batch norm's statistics neither.

    Source: Li et al., Differentiable Spike (NeurIPS 2021); random directions in place of every weight are our choice.
    """
    probe = copy.deepcopy(net)
    sharpness, own = _sharpness(net), _sharpness(probe)
    weight = next(module.weight for module in probe.modules() if isinstance(module, nn.Conv2d | nn.Linear))
    start = weight.detach().clone()
    drawn = torch.randn(options.directions, *start.shape, generator=at.draws()).to(start)
    directions = F.normalize(drawn.flatten(1)).view_as(drawn) * start.norm()

    def loss(moved: Tensor) -> Tensor:
        with torch.no_grad():
            weight.copy_(moved)
        torch.manual_seed(at.noise)
        with hardware.autocast():
            logits, features = forward_features(probe, frames, objective.layers)
            return objective(logits, targets, features, teacher)["loss"]

    with torch.no_grad():
        ahead, behind = (
            torch.stack([loss(start + sign * options.step * direction) for direction in directions]) for sign in (1, -1)
        )
    differences = (ahead - behind) / (2 * options.step)

    b = sharpness[0].item()
    # The one there is comes first, so that it stays where others are no better.
    candidates = [value for value in (b, b - options.delta, b + options.delta) if value > 0]
    likeness = []
    for value in candidates:
        _fill(own, value)
        gradient = torch.autograd.grad(loss(start), weight)[0]
        likeness.append(F.cosine_similarity((directions * gradient).flatten(1).sum(1), differences, dim=0))
    _fill(sharpness, candidates[int(torch.stack(likeness).argmax())])


def _sharpness(net: nn.Module) -> list[Tensor]:
    found = [buffer for name, buffer in net.named_buffers() if name.split(".")[-1] == "sharpness"]
    if not found:
        raise ValueError(
            "gradient dspike searches the sharpness of a surrogate; give the neuron surrogate: {kind: dspike}"
        )
    return found


def _fill(sharpness: list[Tensor], value: float) -> None:
    for buffer in sharpness:
        buffer.fill_(value)
