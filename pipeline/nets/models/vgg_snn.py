"""The VGG-SNN family (TET's network, the paper's for CIFAR10-DVS and N-Caltech101)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from spikingjelly.activation_based import layer
from torch import nn

from pipeline.config.base import Group, Names, Positive
from pipeline.nets.models._parts import POLARITIES, Activation, chain, scaled, shrunk

# Channels of each convolution at width 1, between average pools of 2.
STAGES = ((64, 128), (256, 256), (512, 512), (512, 512))
SMALLEST = 2 ** len(STAGES)


class Options(Group):
    """`width`: factor on the channels; at least one is left. `attention`: activations behind which attention goes."""

    kind: Literal["vgg-snn"] = "vgg-snn"
    width: Positive = 1.0
    attention: Names = Field(default=["act6", "act8"])


def build(
    options: Options,
    classes: int,
    size: tuple[int, int],
    activation: Activation,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Return a VGG-SNN: four stages of two Conv3x3-BN-activation and an average pool, then one linear read-out.

    At full width, 48 x 48 and 10 classes it has 9,271,498 parameters, and a λ for each QCFS.

    Args:
        classes: C, the number of logits.
        size: height and width of the frames, px; at least 16 each.
        activation: makes the activation of a layer, spiking or not, from its channels.
        generator: source of the initial weights; None takes torch's own.

    Raises:
        ValueError: a frame too small for four poolings.
    """
    pixels = shrunk(size, len(STAGES))
    layers: dict[str, nn.Module] = {}
    inputs, number = POLARITIES, 0
    for stage, row in enumerate(STAGES, start=1):
        for channels in row:
            number += 1
            outputs = scaled(channels, options.width)
            layers[f"conv{number}"] = layer.Conv2d(inputs, outputs, 3, padding=1)
            layers[f"bn{number}"] = layer.BatchNorm2d(outputs)
            layers[f"act{number}"] = activation(outputs)
            inputs = outputs
        layers[f"pool{stage}"] = layer.AvgPool2d(2)
    layers["flatten"] = layer.Flatten()
    layers["fc"] = layer.Linear(inputs * pixels, classes)
    return chain(layers, generator)
