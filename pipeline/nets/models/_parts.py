"""What the models share: how a chain of layers becomes a network, and the initial weights."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from spikingjelly.activation_based import functional
from torch import nn

POLARITIES = 2


class Activation(Protocol):
    """Makes the activation of a layer of so many channels; `factor` is one on the threshold that is set."""

    def __call__(self, channels: int, factor: float = 1.0, /) -> nn.Module: ...


def chain(layers: Mapping[str, nn.Module], generator: torch.Generator | None) -> nn.Sequential:
    """Return a multi-step network of layers in a row, as `net.layers`, with initial weights, channels last."""
    net = nn.Sequential(OrderedDict(layers=nn.Sequential(OrderedDict(layers))))
    functional.set_step_mode(net, "m")
    initialise(net, generator)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def scaled(channels: int, width: float) -> int:
    """Return how many channels a layer has at a width; one at least."""
    return max(1, round(channels * width))


def pooled(size: tuple[int, int], sides: Sequence[int]) -> int:
    """Return how many pixels are left of frames after pools of these sides, px.

    Raises:
        ValueError: none.
    """
    least = math.prod(sides)
    left = [side // least for side in size]
    if min(left) < 1:
        raise ValueError(f"frames of {size} px are too small for {len(sides)} poolings; at least {least}")
    return math.prod(left)


def initialise(net: nn.Module, generator: torch.Generator | None) -> None:
    """Draw the weights of a model (convolutions: He, fan out as in VGG; linear layers: uniform); biases are 0."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias) if layer.bias is not None else None
        elif isinstance(layer, nn.Linear | nn.Conv1d):
            _uniform(layer, generator)


def initialise_attention(net: nn.Module, generator: torch.Generator | None) -> None:
    """Draw the weights of attention, uniform in all its layers; biases are 0."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            _uniform(layer, generator)


def _uniform(layer: nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d, generator: torch.Generator | None) -> None:
    nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=generator)
    nn.init.zeros_(layer.bias) if layer.bias is not None else None
