"""Chains: convolutions and pools in a row, linear layers behind them; VGG-SNN, SNN-5 and other systems' nets.

Where these differ in more than numbers it is an option; params/networks.yaml has the nets, each with its source.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from spikingjelly.activation_based import layer
from torch import nn

from pipeline.config.base import Count, Group, Names, Nonnegative, Positive
from pipeline.nets.layers import shrink
from pipeline.nets.layers.hold import Hold
from pipeline.nets.layers.vote import Vote
from pipeline.nets.models._notation import Tokens, Units, pool_side
from pipeline.nets.models._parts import POLARITIES, Activation, chain, pooled, scaled

POOLS = {"average": layer.AvgPool2d, "max": layer.MaxPool2d}
Named = tuple[str, nn.Module]


class Shrinking(Group):
    """Fewer time steps from stage to stage (SSNN).

    `after`: the layers behind which a stage ends, such as pool1. `steps`: those of each stage; the first is T. `kind`
    and `focus`: see pipeline.nets.layers.shrink.
    """

    after: Names
    steps: Annotated[list[Count], Field(min_length=1)]
    kind: shrink.By = "linear"
    focus: Nonnegative = 4.0

    @model_validator(mode="after")
    def _one_more_stage_than_ends(self) -> Shrinking:
        if len(self.steps) != len(self.after) + 1:
            raise ValueError(
                f"steps: {len(self.after)} layers in after make {len(self.after) + 1} stages, found {self.steps}"
            )
        if any(before <= behind for before, behind in pairwise(self.steps)):
            raise ValueError(f"steps: each stage has fewer than the one before, found {self.steps}")
        return self


class Options(Group):
    """The layers, and how they stand.

    `layers`: 64 is a convolution of 3 x 3 with 64 channels, its batch norm and its activation; p a pool of 2 x 2, p4
    one of 4 x 4. `order`: whether an activation stands before or behind the pool that follows it. `bias`: of the
    convolutions. `norm_weight`: that of each batch norm at the start; tdBN's is α·θ. `global_pool`: average over all
    pixels before the linear layers. `hidden`: linear layers with activations, in units or as shares of their inputs.
    `fc_norm`: batch norm between a linear layer and its activation. `dropout`: probability before each linear layer,
    one mask for all time steps. `voters`: outputs a class. `head`: what leaves the last linear layer, real values
    (linear) or what an activation behind it sends (spiking). `width`: factor on channels and units; at least one is
    left. `attention`: the activations at which attention goes. `shrink`: see Shrinking.
    """

    kind: Literal["chain"] = "chain"
    layers: Tokens
    width: Positive = 1.0
    order: Literal["act-pool", "pool-act"] = "act-pool"
    pool: Literal["average", "max"] = "average"
    bias: bool = True
    norm_weight: Positive = 1.0
    global_pool: bool = False
    hidden: list[Units] = Field(default=[])
    fc_bias: bool = True
    fc_norm: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    voters: Count = 1
    head: Literal["linear", "spiking"] = "linear"
    attention: Names = Field(default=[])
    shrink: Shrinking | None = None

    @property
    def steps(self) -> int | None:
        """The number of time steps that the network is bound to; None where it answers in any number of them."""
        return self.shrink.steps[0] if self.shrink and self.shrink.after else None

    @property
    def causal(self) -> bool:
        """Whether the answer at a step needs no later frame."""
        return self.steps is None


def build(
    options: Options,
    classes: int,
    size: tuple[int, int],
    activation: Activation,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Return the network: conv1, bn1, act1, pool1 and so on, flatten, drop1, fc1 (fc where it is alone), vote.

    Norms and activations behind linear layers are numbered on: bn6, act6. With `shrink` there is shrink1 behind the
    first stage, and at the end hold: the mean of the last stage's logits is the answer at each of the T steps.

    Args:
        classes: C, the number of logits.
        size: height and width of the frames, px; each at least the product of the pools.
        activation: makes the activation of a layer, spiking or not, from its channels or units.
        generator: source of the initial weights; None takes torch's own.

    Raises:
        ValueError: a frame too small for the pools, or a stage that ends behind no layer.
    """
    pixels = pooled(size, [side for side in map(pool_side, options.layers) if side])
    layers = dict(_shrinking(options, _convolutions(options, activation)))
    if options.global_pool:
        pixels, layers["global_pool"] = 1, layer.AdaptiveAvgPool2d(1)
    layers["flatten"] = layer.Flatten()
    channels = [module.out_channels for module in layers.values() if isinstance(module, nn.Conv2d)]
    layers |= _linears(options, channels[-1] * pixels, classes, len(channels), activation)
    if options.voters > 1:
        layers["vote"] = Vote(options.voters)
    if options.steps is not None:
        layers["hold"] = Hold(options.steps)
    return chain(layers, generator)


def _convolutions(options: Options, activation: Activation) -> Iterator[Named]:
    inputs, number, pools = POLARITIES, 0, 0
    # With pool-act: the activation until its pools are there.
    waiting: list[Named] = []
    for token in options.layers:
        if isinstance(token, int):
            yield from waiting
            number, outputs = number + 1, scaled(token, options.width)
            yield f"conv{number}", layer.Conv2d(inputs, outputs, 3, padding=1, bias=options.bias)
            yield f"bn{number}", _weighted(layer.BatchNorm2d(outputs), options)
            waiting, inputs = [(f"act{number}", activation(outputs))], outputs
            if options.order == "act-pool":
                yield waiting.pop()
        else:
            pools += 1
            yield f"pool{pools}", POOLS[options.pool](pool_side(token))
    yield from waiting


def _shrinking(options: Options, layers: Iterator[Named]) -> Iterator[Named]:
    """Yield the layers, with fewer time steps behind those that end a stage."""
    passed: list[str] = []
    ends = options.shrink.after if options.shrink else []
    for name, module in layers:
        yield name, module
        passed.append(name)
        if options.shrink and name in ends:
            number = ends.index(name)
            before, behind = options.shrink.steps[number : number + 2]
            made = shrink.Options(to=behind, by=options.shrink.kind, focus=options.shrink.focus)
            yield f"shrink{number + 1}", shrink.build(made, steps=before)
    if ends != [name for name in passed if name in ends]:
        raise ValueError(f"shrink.after: expected layers in their order ({', '.join(passed)}), found {ends}")


def _linears(options: Options, inputs: int, classes: int, number: int, activation: Activation) -> Iterator[Named]:
    """Yield the linear layers with what belongs to each; `number` is that of the last activation before them."""
    wanted = [*(_units(units, options.width) for units in options.hidden), classes * options.voters]
    for place, units in enumerate(wanted, start=1):
        outputs = units if isinstance(units, int) else max(1, round(inputs * units))
        if options.dropout:
            yield f"drop{place}", layer.Dropout(options.dropout)
        yield f"fc{place}" if options.hidden else "fc", layer.Linear(inputs, outputs, bias=options.fc_bias)
        if place < len(wanted) or options.head == "spiking":
            number += 1
            if options.fc_norm:
                yield f"bn{number}", _weighted(layer.BatchNorm1d(outputs), options)
            yield f"act{number}", activation(outputs)
        inputs = outputs


def _units(units: int | float, width: float) -> int | float:
    """Return the units of a layer at a width; a share of its inputs has it from them."""
    return scaled(units, width) if isinstance(units, int) else units


def _weighted(norm: nn.BatchNorm1d | nn.BatchNorm2d, options: Options) -> nn.Module:
    nn.init.constant_(norm.weight, options.norm_weight)
    return norm
