"""How the gradient of one batch comes about: through all time steps, or through each alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.nets import FrameNet
from pipeline.nets.neurons import membranes_kept
from pipeline.runtime.hardware import Hardware
from pipeline.training.recipes import Objective, Soft, Terms

# (network, frames [T, N, 2, H, W], labels [N], objective, what the teacher says, hardware, seed of the batch's noise)
# -> (terms, logits [T, N, C]), both without gradient; gradients are added to the parameters'.
Backward = Callable[[FrameNet, Tensor, Tensor, Objective, Soft | None, Hardware, int], tuple[Terms, Tensor]]


def bptt(
    net: FrameNet,
    frames: Tensor,
    labels: Tensor,
    objective: Objective,
    soft: Soft | None,
    hardware: Hardware,
    seed: int,
) -> tuple[Terms, Tensor]:
    """Backpropagate through time: one pass over all steps, one back."""
    torch.manual_seed(seed)
    with hardware.autocast():
        logits, features = net.tapped(frames, objective.taps)
        terms = objective.loss(logits, labels, features, soft)
    terms["loss"].backward()
    return {name: term.detach() for name, term in terms.items()}, logits.detach()


def sltt(
    net: FrameNet,
    frames: Tensor,
    labels: Tensor,
    objective: Objective,
    soft: Soft | None,
    hardware: Hardware,
    seed: int,
) -> tuple[Terms, Tensor]:
    """Learn spatially through time: forward and back at each step, the membrane passed on without gradient.

    Needs the memory of one step, whatever T; batch norm sees each step by itself. Equal to `bptt` at T = 1. The
    objective must be a mean over steps.

    Source: Meng et al., Towards Memory- and Time-Efficient Backpropagation for Training SNNs (ICCV 2023).
    """
    total: Terms = {}
    logits = []
    with membranes_kept(net):
        for frame in frames:
            # The same noise at each step: dropout has one mask for all of them.
            torch.manual_seed(seed)
            with hardware.autocast():
                out = net(frame[None])
                terms = objective.loss(out, labels, {}, soft)
            (terms["loss"] / len(frames)).backward()
            for name, term in terms.items():
                total[name] = total.get(name, 0) + term.detach() / len(frames)
            logits.append(out.detach())
    return total, torch.cat(logits)


BACKWARD: dict[str, Backward] = {"bptt": bptt, "sltt": sltt}
