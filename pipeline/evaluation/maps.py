"""What the first spiking layer does with one recording (Figure 4)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.evaluation.prepare import prepared
from pipeline.nets.forward import activations, forward
from pipeline.nets.tree import SPIKING
from pipeline.runtime.hardware import Hardware


@torch.no_grad()
def first_spikes(net: nn.Module, frames: NDArray[np.uint8], hardware: Hardware) -> NDArray[np.uint8] | None:
    """Return the spikes of the first spiking layer in eval mode.

    Args:
        frames: counts of one recording [T, 2, H, W].

    Returns:
        uint8 [T, C, H, W], 1 where a neuron sends anything, a graded spike or an analog value too; None for a network
        without spiking neurons.
    """
    fixed = prepared(net, hardware)
    first = next((module for _, module in activations(fixed) if isinstance(module, SPIKING)), None)
    if first is None:
        return None
    found: list[torch.Tensor] = []
    first.register_forward_hook(lambda _, __, out: found.append(out))
    with hardware.autocast():
        forward(fixed, torch.from_numpy(frames)[:, None].to(hardware.device))
    return np.ascontiguousarray((found[0][:, 0] != 0).to(torch.uint8).cpu().numpy())
