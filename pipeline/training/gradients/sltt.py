"""Spatial learning through time (SLTT; Meng et al., ICCV 2023)."""

from __future__ import annotations

from contextlib import closing
from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.nets.forward import forward_steps
from pipeline.runtime.hardware import Hardware
from pipeline.training.gradients import GradientOptions, Moment
from pipeline.training.losses import Targets, TeacherOutput, Terms
from pipeline.training.objective import Objective


class Options(GradientOptions):
    """Nothing to choose."""

    kind: Literal["sltt"] = "sltt"
    stepwise = True


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
    """Go forward and back at each step, the membrane passed on without gradient; arguments as the group asks.

    Needs the memory of one step, whatever T; batch norm sees each step by itself. Equal to BPTT at T = 1.

    Raises:
        ValueError: the objective is no mean over steps.

    Source: Meng et al., Towards Memory- and Time-Efficient Backpropagation for Training SNNs (ICCV 2023).
    """
    del options
    if not objective.stepwise:
        raise ValueError("gradient sltt goes back after each time step, so every loss must be a mean over steps")
    total: Terms = {}
    # Once: dropout keeps its mask for all steps, and other noise is another at each.
    torch.manual_seed(at.noise)
    logits = []
    with closing(forward_steps(net, frames)) as steps:
        for _ in frames:
            with hardware.autocast():
                out = next(steps)
                terms = objective(out, targets, {}, teacher)
            (terms["loss"] / len(frames)).backward()
            for name, term in terms.items():
                total[name] = total.get(name, 0) + term.detach() / len(frames)
            logits.append(out.detach())
    return total, torch.cat(logits)
