"""Spikformer, the spiking vision transformer (Zhou et al., ICLR 2023), as its authors' code has it for event data.

Patch splitting: four stages of convolution, batch norm, activation, and a max pool of what that sends. A convolution
for the positions. Blocks of self-attention and two linear layers for each token (1 x 1 convolutions here), each added
to what enters it; the sums are of spikes and are not thresholded. The mean over tokens, and a linear read-out.

SpikingJelly's `model.spikformer` differs: it pools before the neurons, q kᵀ v is scaled by 0.125 alone, and it runs in
multi-step mode only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field
from spikingjelly.activation_based import layer
from torch import nn

from pipeline.config.base import Count, Group, Names, Positive
from pipeline.nets.layers._product import AttentionProduct
from pipeline.nets.models._blocks import Residual, convolution, row
from pipeline.nets.models._parts import POLARITIES, Activation, chain, scaled

STAGES = 4


class Options(Group):
    """The sizes, and how it attends.

    `channels`: of a token; the stages have an eighth, a quarter, half and all of them. `blocks`: how many. `heads`: of
    the attention. `scale`: factor on its product q kᵀ v. `attention_threshold`: threshold of the neuron behind that
    product, as a factor on the recipe's. `mlp_ratio`: hidden units of a token, as a factor on its channels. `pools`:
    how many of the four stages end in a pool, the last ones; four leave 8 x 8 tokens of 128 x 128 px, three leave 6 x 6
    of 48 x 48. `width`: factor on the channels. `attention`: the blocks and activations at which a recipe's attention
    goes.
    """

    kind: Literal["spikformer"] = "spikformer"
    channels: Count = 256
    blocks: Count = 2
    width: Positive = 1.0
    heads: Count = 16
    scale: Positive = 0.25
    attention_threshold: Positive = 0.5
    mlp_ratio: Positive = 4.0
    pools: Annotated[int, Field(ge=0, le=STAGES)] = STAGES
    attention: Names = Field(default=[])


def build(
    options: Options,
    classes: int,
    size: tuple[int, int],
    activation: Activation,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Return the network: conv1, bn1, act1, pool1 to pool4, position, block1 and so on, global_pool, flatten, fc.

    With 256 channels, two blocks and 10 classes it has 2,566,666 parameters. Its activations are float32 sums of
    spikes, which is exact.

    Args:
        classes: C, the number of logits.
        size: height and width of the frames, px; any, as a pool leaves half of a side, rounded up.
        activation: makes the activation of a layer from its channels, and with a factor on its threshold.
        generator: source of the initial weights; None takes torch's own.

    Raises:
        ValueError: the channels are no multiple of the heads or of 8.
    """
    del size
    channels = scaled(options.channels, options.width)
    if channels % options.heads or channels % 2 ** (STAGES - 1):
        raise ValueError(
            f"{channels} channels ({options.channels} x width {options.width}) are no multiple of {options.heads} "
            f"heads and of {2 ** (STAGES - 1)}; change channels, width or heads"
        )
    layers = dict(_patches(channels, STAGES - options.pools, activation))
    layers["position"] = Residual(
        row(conv=convolution(channels, channels, 3), bn=layer.BatchNorm2d(channels), act=activation(channels))
    )
    for number in range(1, options.blocks + 1):
        layers[f"block{number}"] = row(
            attention=Residual(_attention(options, channels, activation)),
            mlp=Residual(_mlp(channels, round(channels * options.mlp_ratio), activation)),
        )
    layers["global_pool"] = layer.AdaptiveAvgPool2d(1)
    layers["flatten"] = layer.Flatten()
    layers["fc"] = layer.Linear(channels, classes)
    return chain(layers, generator)


def _patches(channels: int, without: int, activation: Activation) -> Iterator[tuple[str, nn.Module]]:
    """Yield the stages; so many of the first have no pool."""
    inputs = POLARITIES
    for stage in range(1, STAGES + 1):
        outputs = channels // 2 ** (STAGES - stage)
        yield f"conv{stage}", convolution(inputs, outputs, 3)
        yield f"bn{stage}", layer.BatchNorm2d(outputs)
        yield f"act{stage}", activation(outputs)
        if stage > without:
            yield f"pool{stage}", layer.MaxPool2d(3, 2, 1)
        inputs = outputs


def _attention(options: Options, channels: int, activation: Activation) -> nn.Module:
    """Return the attention; one convolution makes q, k and v."""
    return row(
        qkv=convolution(channels, 3 * channels, 1), qkv_bn=layer.BatchNorm2d(3 * channels),
        qkv_act=activation(3 * channels), product=AttentionProduct(options.heads, options.scale),
        product_act=activation(channels, options.attention_threshold),
        conv=convolution(channels, channels, 1, bias=True), bn=layer.BatchNorm2d(channels), act=activation(channels),
    )  # fmt: skip


def _mlp(channels: int, hidden: int, activation: Activation) -> nn.Module:
    return row(
        conv1=convolution(channels, hidden, 1, bias=True), bn1=layer.BatchNorm2d(hidden), act1=activation(hidden),
        conv2=convolution(hidden, channels, 1, bias=True), bn2=layer.BatchNorm2d(channels), act2=activation(channels),
    )  # fmt: skip
