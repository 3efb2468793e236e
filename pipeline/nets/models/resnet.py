"""Residual networks: a stem, stages of blocks, a read-out. ResNet-19, -18 and -17, 7B-wideNet and others are entries.

Where the systems' networks differ in more than numbers it is an option; params/networks.yaml has the networks, each
with its source. The blocks are in `_blocks`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field, model_validator
from spikingjelly.activation_based import layer
from torch import nn

from pipeline.config.base import Count, Group, Names, Positive
from pipeline.nets.models._blocks import Blocks, changes, convolution
from pipeline.nets.models._parts import POLARITIES, Activation, chain, scaled

Named = tuple[str, nn.Module]
Stage = Annotated[list[Count], Field(min_length=3, max_length=3)]


def _odd(kernel: int) -> int:
    if kernel % 2 == 0:
        raise ValueError(f"expected an odd number of pixels, found {kernel}")
    return kernel


class Stem(Group):
    """The first convolution; `active`: whether a batch norm and an activation stand behind it."""

    channels: Count = 64
    kernel: Annotated[Count, AfterValidator(_odd)] = 3
    stride: Count = 1
    active: bool = True


class Options(Group):
    """The layers, and how they stand.

    `stages`: [channels, blocks, stride of the first block], or p, an average pool of 2 x 2. `block`: basic (add, then
    activation), sew (activation, then add) or preact (batch norm, activation, convolution, twice; then add; behind the
    last block stands a batch norm). `change`: where a block has other channels than what enters it or a stride, whether
    a convolution of 1 x 1 stands in its shortcut or, with batch norm and activation, before it. `norm_weight`: that of
    each batch norm at the start; tdBN's is α·θ. `sum_weight`: factor on it for the two batch norms that a basic block
    adds; tdBN's is 1/√2. `global_pool`: average over all pixels before the linear layers. `hidden`: units of linear
    layers with activations, whose biases are drawn as torch does. `head`: what leaves the last linear layer, real
    values (linear) or what an activation behind it sends (spiking). `width`: factor on channels and units; at least one
    is left. `attention`: the blocks and activations at which attention goes.
    """

    kind: Literal["resnet"] = "resnet"
    stem: Stem = Stem()
    stages: Annotated[list[Stage | Literal["p"]], Field(min_length=1)]
    width: Positive = 1.0
    block: Literal["basic", "sew", "preact"] = "basic"
    change: Literal["shortcut", "before"] = "shortcut"
    norm_weight: Positive = 1.0
    sum_weight: Positive = 1.0
    global_pool: bool = True
    hidden: list[Count] = Field(default=[])
    head: Literal["linear", "spiking"] = "linear"
    attention: Names = Field(default=[])

    @model_validator(mode="after")
    def _blocks_are_there(self) -> Options:
        if all(isinstance(stage, str) for stage in self.stages):
            raise ValueError("stages: no blocks; [64, 2, 1] is two blocks of 64 channels, the first with stride 1")
        if self.sum_weight != 1 and self.block != "basic":
            raise ValueError(
                f"sum_weight is of the batch norms that a basic block adds, a block {self.block} adds none; "
                f"leave it at 1, found {self.sum_weight}"
            )
        return self


def build(
    options: Options,
    classes: int,
    size: tuple[int, int],
    activation: Activation,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Return the network: conv1, bn1, act1, block1, pool1 and so on, global_pool, flatten, fc1 (fc where it is alone).

    A block is a layer with layers of its own, `block1.add.body.conv1`; what leaves it is `block1`. Activations behind
    linear layers are numbered on: act2.

    Args:
        classes: C, the number of logits.
        size: height and width of the frames, px.
        activation: makes the activation of a layer, spiking or not, from its channels or units.
        generator: source of the initial weights; None takes torch's own.

    Raises:
        ValueError: a frame too small for the pools.
    """
    pixels = math.prod(_left(options, size))
    blocks = Blocks(activation, options.norm_weight, options.sum_weight)
    layers = {**dict(_stem(options, blocks)), **dict(_stages(options, blocks))}
    channels = scaled([stage[0] for stage in options.stages if not isinstance(stage, str)][-1], options.width)
    if options.block == "preact":
        layers["bn2"] = blocks.norm(channels)
    if options.global_pool:
        pixels, layers["global_pool"] = 1, layer.AdaptiveAvgPool2d(1)
    layers["flatten"] = layer.Flatten()
    layers |= _linears(options, channels * pixels, classes, activation)
    net = chain(layers, generator)
    _draw_biases(net, options, generator)
    return net


def _left(options: Options, size: tuple[int, int]) -> list[int]:
    """Return the height and width of the last maps, px."""
    sides = [-(-side // options.stem.stride) for side in size]
    for stage in options.stages:
        sides = [side // 2 if isinstance(stage, str) else -(-side // stage[2]) for side in sides]
    if min(sides) < 1:
        raise ValueError(f"frames of {size} px are too small for the strides and the pools p of {options.stages}")
    return sides


def _stem(options: Options, blocks: Blocks) -> Iterator[Named]:
    stem, channels = options.stem, scaled(options.stem.channels, options.width)
    yield "conv1", convolution(POLARITIES, channels, stem.kernel, stem.stride)
    if stem.active:
        yield "bn1", blocks.norm(channels)
        yield "act1", blocks.activation(channels)


def _stages(options: Options, blocks: Blocks) -> Iterator[Named]:
    make = {"basic": blocks.basic, "sew": blocks.sew, "preact": blocks.preact}[options.block]
    inputs, number, pools = scaled(options.stem.channels, options.width), 0, 0
    for stage in options.stages:
        if isinstance(stage, str):
            pools += 1
            yield f"pool{pools}", layer.AvgPool2d(2)
            continue
        outputs, stride = scaled(stage[0], options.width), stage[2]
        for _ in range(stage[1]):
            number += 1
            if options.change == "before" and changes(inputs, outputs, stride):
                yield f"change{number}", blocks.unit(inputs, outputs, stride)
                inputs, stride = outputs, 1
            yield f"block{number}", make(inputs, outputs, stride)
            inputs, stride = outputs, 1


def _linears(options: Options, inputs: int, classes: int, activation: Activation) -> Iterator[Named]:
    units = [*(scaled(hidden, options.width) for hidden in options.hidden), classes]
    for place, outputs in enumerate(units, start=1):
        yield f"fc{place}" if options.hidden else "fc", layer.Linear(inputs, outputs)
        if place < len(units) or options.head == "spiking":
            yield f"act{place + 1}", activation(outputs)
        inputs = outputs


def _draw_biases(net: nn.Sequential, options: Options, generator: torch.Generator | None) -> None:
    """Draw the biases of linear layers with an activation behind them, as torch does.

    Without batch norm they are all that a unit has while the layer before it is silent: at 0 it is outside the window
    of a rectangular surrogate, and nothing before it would learn.
    """
    linear = [module for module in net.modules() if isinstance(module, nn.Linear)]
    for module in linear if options.head == "spiking" else linear[:-1]:
        bound = module.in_features**-0.5
        nn.init.uniform_(module.bias, -bound, bound, generator=generator)
