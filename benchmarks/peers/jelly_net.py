"""SpikingJelly's multi-step network: its own layers in step mode m, its neurons with their defaults."""

from __future__ import annotations

import copy

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from pipeline.nets import IF, LIF, FrameNet


class JellyNet(nn.Module):
    """Frames [T, N, 2, H, W] -> logits [T, N, C]; the neurons' state is reset before each pass, as its guide says."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        functional.set_step_mode(self, "m")

    def forward(self, frames: Tensor) -> Tensor:
        functional.reset_net(self)
        out: Tensor = self.layers(frames)
        return out


def jelly_net(net: FrameNet) -> JellyNet:
    """Build a SpikingJelly network with copies of a network's weights.

    IF becomes HalfThresholdIFNode (soft reset, v(0) = θ/2), LIF becomes LIFNode(τ = 2, decay_input off, hard reset to
    0), both with the surrogate of eq. 12; all else of the neurons is at its default.
    """
    layers: list[nn.Module] = []
    for module in net.layers.children():
        if isinstance(module, (IF, LIF)):
            layers.append(_neuron(module))
        else:
            layers.append(_synapse(module))
    return JellyNet(layers)


def _neuron(module: IF | LIF) -> nn.Module:
    triangle = surrogate.PiecewiseQuadratic(alpha=1.0)
    if isinstance(module, IF):
        return neuron.HalfThresholdIFNode(v_threshold=float(module.threshold), surrogate_function=triangle)
    return neuron.LIFNode(tau=2.0, decay_input=False, v_threshold=float(module.threshold), surrogate_function=triangle)


def _synapse(module: nn.Module) -> nn.Module:
    made: nn.Module
    if isinstance(module, nn.Conv2d):
        made = layer.Conv2d(module.in_channels, module.out_channels, module.kernel_size, padding=module.padding)
    elif isinstance(module, nn.BatchNorm2d):
        made = layer.BatchNorm2d(module.num_features)
    elif isinstance(module, nn.AvgPool2d):
        return layer.AvgPool2d(module.kernel_size)
    elif isinstance(module, nn.Flatten):
        return layer.Flatten()
    elif isinstance(module, nn.Linear):
        made = layer.Linear(module.in_features, module.out_features)
    else:
        raise TypeError(f"no SpikingJelly layer for {type(module).__name__}")
    with torch.no_grad():
        made.load_state_dict(copy.deepcopy(module.state_dict()))
    return made
