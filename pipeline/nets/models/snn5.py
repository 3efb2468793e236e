"""SNN-5, the paper's network for DVS128 Gesture (after PLIF's)."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from spikingjelly.activation_based import layer
from torch import nn

from pipeline.config.base import Count, Group, Names, Positive
from pipeline.nets.layers.vote import Vote
from pipeline.nets.models._parts import POLARITIES, Activation, chain, scaled, shrunk

# Blocks of a convolution and a pool; channels of each and units of the hidden layer at width 1.
BLOCKS = 5
CHANNELS = 128
HIDDEN = 512
SMALLEST = 2**BLOCKS


class Options(Group):
    """Its options.

    `width`: factor on channels and hidden units; at least one is left. `dropout`: probability before each linear
    layer, one mask for all time steps. `voters`: outputs a class. `attention`: activations behind which attention goes.
    """

    kind: Literal["snn5"] = "snn5"
    width: Positive = 1.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    voters: Count = 10
    attention: Names = Field(default=["act4", "act5"])


def build(
    options: Options,
    classes: int,
    size: tuple[int, int],
    activation: Activation,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Return an SNN-5: five Conv3x3-BN-activation-average pool, a hidden layer, and outputs that vote for the classes.

    What leaves the last linear layer is real-valued, in ANN and SNN alike, and so is the vote. At full width,
    128 x 128 and 11 classes it has 1,699,566 parameters, and a λ for each QCFS.

    Args:
        classes: C, the number of logits.
        size: height and width of the frames, px; at least 32 each.
        activation: makes the activation of a layer, spiking or not, from its channels.
        generator: source of the initial weights; None takes torch's own.

    Raises:
        ValueError: a frame too small for five poolings.
    """
    pixels = shrunk(size, BLOCKS)
    channels, hidden = scaled(CHANNELS, options.width), scaled(HIDDEN, options.width)
    layers: dict[str, nn.Module] = {}
    inputs = POLARITIES
    for number in range(1, BLOCKS + 1):
        layers[f"conv{number}"] = layer.Conv2d(inputs, channels, 3, padding=1)
        layers[f"bn{number}"] = layer.BatchNorm2d(channels)
        layers[f"act{number}"] = activation(channels)
        layers[f"pool{number}"] = layer.AvgPool2d(2)
        inputs = channels
    layers["flatten"] = layer.Flatten()
    layers["drop1"] = layer.Dropout(options.dropout)
    layers["fc1"] = layer.Linear(channels * pixels, hidden)
    layers[f"act{BLOCKS + 1}"] = activation(hidden)
    layers["drop2"] = layer.Dropout(options.dropout)
    layers["fc2"] = layer.Linear(hidden, classes * options.voters)
    layers["vote"] = Vote(options.voters)
    return chain(layers, generator)
