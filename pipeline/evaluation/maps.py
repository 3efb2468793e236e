"""What the first spiking layer does with one recording (Figure 4)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.nets import FrameNet, SpikingNeuron
from pipeline.nets.fold import folded
from pipeline.runtime.hardware import Hardware


@torch.no_grad()
def first_spikes(net: FrameNet, frames: NDArray[np.uint8], hardware: Hardware) -> NDArray[np.uint8] | None:
    """Give the spikes of the first spiking layer in eval mode.

    Args:
        frames: counts of one recording [T, 2, H, W].

    Returns:
        uint8 0 or 1 [T, C, H, W]; None for a network without spiking neurons.
    """
    name = next((name for name, layer in net.activations() if isinstance(layer, SpikingNeuron)), None)
    if name is None:
        return None
    found: list[torch.Tensor] = []
    fixed = folded(net.to(hardware.device), hardware.dtype)
    fixed.layers.get_submodule(name).register_forward_hook(lambda _, __, out: found.append(out))
    with hardware.autocast():
        fixed(torch.from_numpy(frames)[:, None].to(hardware.device))
    # The neuron may see its dense order, channels last: [T, 1, H, W, C].
    spikes = (found[0][:, 0] > 0).to(torch.uint8).cpu()
    return np.ascontiguousarray(spikes.permute(0, 3, 1, 2).numpy())
