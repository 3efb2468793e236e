"""What the first spiking layers do with one recording (Figure 4, `python -m pipeline show`)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.evaluation.prepare import Prepare, prepared
from pipeline.nets.forward import activations, forward
from pipeline.nets.tree import SPIKING
from pipeline.runtime.hardware import Hardware


@torch.no_grad()
def spikes(
    net: nn.Module, frames: NDArray[np.uint8], hardware: Hardware, layers: int, prepare: Prepare = prepared
) -> dict[str, NDArray[np.bool_]]:
    """Return where the first spiking layers send anything, by name: bool [T, C, H, W]; H = W = 1 of a flat layer.

    Args:
        frames: counts of one recording [T, 2, H, W]. prepare: makes of the network the copy that answers.
    """
    fixed = prepare(net, hardware)
    found: dict[str, NDArray[np.bool_]] = {}

    def keep(name: str, out: torch.Tensor) -> None:
        sent = (out[:, 0] != 0).cpu().numpy()
        found[name] = sent.reshape(*sent.shape[:2], *[1] * (4 - sent.ndim), *sent.shape[2:])

    spiking = [(name, module) for name, module in activations(fixed) if isinstance(module, SPIKING)]
    if not spiking:
        return found
    for name, module in spiking[:layers]:
        module.register_forward_hook(lambda _, __, out, name=name: keep(name, out))
    with hardware.autocast():
        forward(fixed, torch.from_numpy(frames)[:, None].to(hardware.device))
    return found
