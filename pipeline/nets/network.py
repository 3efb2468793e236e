"""One network class for ANN and SNN: layers in a row over all frames of all samples at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn

from pipeline.nets.attention import TCJA
from pipeline.nets.dropout import StepDropout
from pipeline.nets.neurons import SpikingNeuron
from pipeline.nets.qcfs import QCFS

# Layers that see the time steps: [T, N, ...] instead of [T·N, ...].
SEQUENTIAL = (SpikingNeuron, StepDropout, TCJA)


class FrameNet(nn.Module):
    """Layers applied in order; synapses see [T·N, ...], spiking neurons, dropout and attention see [T, N, ...].

    Args:
        layers: named layers, ending in one that gives logits.

    Shape: frames [T, N, 2, H, W] (uint8 or float counts) -> logits float32 [T, N, C]. The output at step t does not
    depend on frames after t, but for a network with attention; an ANN's only on frame t.
    """

    def __init__(self, layers: dict[str, nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for name, layer in layers.items():
            self.layers.add_module(name, layer)

    def forward(self, frames: Tensor) -> Tensor:
        return self.tapped(frames, ())[0]

    def tapped(self, frames: Tensor, taps: Collection[str]) -> tuple[Tensor, dict[str, Tensor]]:
        """Give the logits and what leaves the named layers, averaged over the steps: {tap: float32 [N, ...]}.

        Raises:
            ValueError: the network has no layer of a name.
        """
        missing = [name for name in taps if name not in self.layers._modules]
        if missing:
            known = ", ".join(name for name, _ in self.activations())
            raise ValueError(f"no layer {', '.join(missing)} to tap; activations of this network: {known}")
        steps, batch = frames.shape[:2]
        x = laid_out(frames)
        features = {}
        for name, layer in self.layers.named_children():
            x = _over_steps(layer, x, steps) if isinstance(layer, SEQUENTIAL) else layer(x)
            if name in taps:
                features[name] = x.float().unflatten(0, (steps, batch)).mean(0)
        return x.float().unflatten(0, (steps, batch)), features

    def activations(self) -> Iterator[tuple[str, QCFS | SpikingNeuron]]:
        """Name the activations in the order of the forward pass."""
        for name, layer in self.layers.named_children():
            if isinstance(layer, (QCFS, SpikingNeuron)):
                yield name, layer


def laid_out(frames: Tensor) -> Tensor:
    """Lay counts [T, N, C, H, W] of any dtype out as convolutions take them: float32 [T·N, C, H, W], channels last."""
    flat = frames.flatten(0, 1)
    out = torch.empty(flat.shape, dtype=torch.float32, device=flat.device, memory_format=torch.channels_last)
    # Channel by channel: with two of them, half the time of a general change of the layout.
    for channel in range(flat.shape[1]):
        out[:, channel] = flat[:, channel]
    return out


def _over_steps(layer: nn.Module, x: Tensor, steps: int) -> Tensor:
    if x.dim() != 4:
        return layer(x.unflatten(0, (steps, -1))).flatten(0, 1)
    # Channels last stays channels last: the layer sees its dense order, and no copy is made on either side.
    dense = x.permute(0, 2, 3, 1)
    return layer(dense.unflatten(0, (steps, -1))).flatten(0, 1).permute(0, 3, 1, 2)
