"""The VGG-SNN family (TET's network, the paper's for CIFAR10-DVS and N-Caltech101)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from pipeline.nets.network import FrameNet
from pipeline.nets.neurons import IF

# Channels of each convolution at width 1, between average pools of 2.
STAGES = ((64, 128), (256, 256), (512, 512), (512, 512))
POLARITIES = 2


def vgg_snn(
    classes: int,
    size: tuple[int, int] = (48, 48),
    width: float = 1.0,
    activation: Callable[[], nn.Module] = lambda: IF(1.0),
    generator: torch.Generator | None = None,
) -> FrameNet:
    """Build a VGG-SNN: four stages of two Conv3x3-BN-activation and an average pool, then one linear read-out.

    At full width, 48 x 48 and 10 classes it has 9,271,498 parameters, and a λ for each QCFS.

    Args:
        classes: C, the number of logits.
        size: height and width of the frames, px; at least 16 each.
        width: factor on the channels; at least one channel is left.
        activation: makes the activation of each layer, spiking or not.
        generator: source of the initial weights; None takes torch's own.

    Raises:
        ValueError: a frame too small for four poolings, no class, or no width.
    """
    if classes < 1 or width <= 0:
        raise ValueError(f"classes and width must be above 0, found {classes} and {width}")
    shrunk = [side // 2 ** len(STAGES) for side in size]
    if min(shrunk) < 1:
        raise ValueError(f"frames of {size} px are too small for {len(STAGES)} poolings; at least {2 ** len(STAGES)}")
    layers: dict[str, nn.Module] = {}
    inputs, number = POLARITIES, 0
    for stage, row in enumerate(STAGES, start=1):
        for channels in row:
            number += 1
            outputs = max(1, round(channels * width))
            layers[f"conv{number}"] = nn.Conv2d(inputs, outputs, 3, padding=1)
            layers[f"bn{number}"] = nn.BatchNorm2d(outputs)
            layers[f"act{number}"] = activation()
            inputs = outputs
        layers[f"pool{stage}"] = nn.AvgPool2d(2)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(inputs * shrunk[0] * shrunk[1], classes)
    net = FrameNet(layers)
    initialise(net, generator)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def initialise(net: nn.Module, generator: torch.Generator | None) -> None:
    """Draw weights (convolutions: He, fan out as in VGG; read-out and attention: uniform) and zero the biases."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias) if layer.bias is not None else None
        elif isinstance(layer, nn.Linear | nn.Conv1d):
            nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=generator)
            nn.init.zeros_(layer.bias) if layer.bias is not None else None
