"""One network for any number of time steps: each batch is learned at several T, its frames grouped (MTT, naive)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from pipeline.config.base import Count, Whole, unique
from pipeline.nets.forward import forward
from pipeline.runtime.hardware import Hardware
from pipeline.training.gradients import GradientOptions, Moment, bptt
from pipeline.training.losses import Targets, TeacherOutput, Terms
from pipeline.training.objective import Objective

Scale = Literal["none", "mean"]


class Options(GradientOptions):
    """At which T' beside T.

    steps: those below T, and T itself, are drawn with the same chance. draws: how many a batch. scale: mean: counts are
    divided by how many frames become one, so that they do not grow where T falls. recalibrate: from how many batches,
    at T, batch norm's statistics are taken anew at the end; 0: they stay as training left them.
    """

    kind: Literal["any-t"] = "any-t"
    varies_steps = True
    steps: Annotated[list[Count], Field(min_length=1), AfterValidator(unique)]
    draws: Count = 3
    scale: Scale = "none"
    recalibrate: Whole = 0

    def views(self, steps: int) -> dict[int, Callable[[Tensor], Tensor]]:
        return {fewer: partial(group, steps=fewer, scale=self.scale) for fewer in sorted(self.steps) if fewer < steps}


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
    """Add the gradients of all draws, whose loss is their sum; arguments as the group asks.

    The teacher's answer is to all T frames, whatever T is drawn: it has seen the same events. Dropout has the same
    masks in all draws. Returned are the means of the terms, and the logits of the last draw.

    Source: Mixed time-step training (ICLR 2025, arXiv 2503.17394), the naive form.
    """
    total: Terms = {}
    views = [*options.views(len(frames)).values(), lambda frames: frames]
    for place in torch.randint(len(views), (options.draws,), generator=at.draws()).tolist():
        terms, logits = bptt.backward(
            net, views[place](frames), targets, objective, teacher, hardware, at, bptt.Options()
        )
        for name, term in terms.items():
            total[name] = total.get(name, 0) + term / options.draws
    return total, logits


def group(frames: Tensor, steps: int, scale: Scale = "none") -> Tensor:
    """Return T frames as fewer: frame j of T' is the sum of the frames floor(j·T/T') to floor((j+1)·T/T') - 1.

    Where T' divides T, it is what the events cut into T' frames by number are, but for a remainder of less than T.

    Args:
        frames: counts [T, ...]; of integers, the sums are int32.
        steps: T', 1 to T.
        scale: "mean": divided by T/T', float.

    Raises:
        ValueError: T' is not 1 to T.
    """
    if not 1 <= steps <= len(frames):
        raise ValueError(f"gradient any-t: {len(frames)} frames cannot be grouped into {steps}; take fewer under steps")
    if steps == len(frames):
        return frames
    bounds = [step * len(frames) // steps for step in range(steps + 1)]
    # Sums outgrow the uint8 of the counts.
    dtype = frames.dtype if frames.is_floating_point() else torch.int32
    grouped = torch.stack([frames[first:stop].sum(0, dtype=dtype) for first, stop in pairwise(bounds)])
    return grouped * (steps / len(frames)) if scale == "mean" else grouped


@torch.no_grad()
def finish(net: nn.Module, batches: Iterable[Tensor], hardware: Hardware, options: Options) -> None:
    """Take batch norm's statistics anew, as the plain mean over some batches; the network is left in training mode."""
    norms = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not options.recalibrate or not norms:
        return
    # Nothing but batch norm behaves as in training: no dropout.
    net.eval()
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
        norm.momentum = None
    for _, frames in zip(range(options.recalibrate), batches, strict=False):
        with hardware.autocast():
            forward(net, frames)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    net.train()
