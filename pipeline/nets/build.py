"""Networks as params.yaml names them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from pipeline.config import Attention, Network, Recipe, TrainAnn
from pipeline.nets.attention import TCJA
from pipeline.nets.network import FrameNet
from pipeline.nets.neurons import IF, LIF
from pipeline.nets.qcfs import QCFS
from pipeline.nets.snn5 import snn5
from pipeline.nets.vgg import initialise, vgg_snn

FAMILIES: dict[str, Callable[..., FrameNet]] = {"vgg_snn": vgg_snn, "snn5": snn5}
NEURONS = {"if": IF, "lif": LIF}


def build_ann(
    network: Network,
    classes: int,
    size: tuple[int, int],
    levels: int,
    settings: TrainAnn,
    generator: torch.Generator | None = None,
) -> FrameNet:
    """Build a QCFS network with L = levels for frames of a size (height, width, px)."""

    def activation() -> nn.Module:
        return QCFS(levels, settings.threshold, settings.gradient)

    return _build(network, classes, size, activation, generator)


def build_snn(
    network: Network,
    classes: int,
    size: tuple[int, int],
    recipe: Recipe,
    steps: int,
    generator: torch.Generator | None = None,
) -> FrameNet:
    """Build a spiking network with the recipe's neuron, threshold and attention, which is bound to `steps`."""

    def activation() -> nn.Module:
        return NEURONS[recipe.neuron](recipe.threshold, recipe.train_threshold, recipe.detach_reset)

    net = _build(network, classes, size, activation, generator)
    return net if recipe.attention is None else _attended(net, network.attention, recipe.attention, steps, generator)


def _attended(
    net: FrameNet, places: Sequence[str], settings: Attention, steps: int, generator: torch.Generator | None
) -> FrameNet:
    """Put attention behind the named activations; the layers there keep their weights."""
    layers: dict[str, nn.Module] = {}
    channels = 0
    for name, layer in net.layers.named_children():
        layers[name] = layer
        channels = layer.out_channels if isinstance(layer, nn.Conv2d) else channels
        if name in places:
            attention = TCJA(steps, channels, settings.kernel_t, settings.kernel_c)
            initialise(attention, generator)
            layers[f"tcja_{name}"] = attention
    missing = [name for name in places if name not in layers]
    if missing:
        raise ValueError(f"networks.*.attention: no layer {', '.join(missing)} in this network")
    return FrameNet(layers)


def _build(
    network: Network,
    classes: int,
    size: tuple[int, int],
    activation: Callable[[], nn.Module],
    generator: torch.Generator | None,
) -> FrameNet:
    settings = network.model_dump(exclude={"family", "attention"})
    return FAMILIES[network.family](classes, size, activation=activation, generator=generator, **settings)
