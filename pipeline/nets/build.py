"""Networks as params.yaml names them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from pipeline.config import Network, Recipe, TrainAnn
from pipeline.nets.network import FrameNet
from pipeline.nets.neurons import IF, LIF
from pipeline.nets.qcfs import QCFS
from pipeline.nets.snn5 import snn5
from pipeline.nets.vgg import vgg_snn

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
    network: Network, classes: int, size: tuple[int, int], recipe: Recipe, generator: torch.Generator | None = None
) -> FrameNet:
    """Build a spiking network with the recipe's neuron and threshold."""

    def activation() -> nn.Module:
        return NEURONS[recipe.neuron](recipe.threshold, recipe.train_threshold, recipe.detach_reset)

    return _build(network, classes, size, activation, generator)


def _build(
    network: Network,
    classes: int,
    size: tuple[int, int],
    activation: Callable[[], nn.Module],
    generator: torch.Generator | None,
) -> FrameNet:
    settings = network.model_dump(exclude={"family"})
    return FAMILIES[network.family](classes, size, activation=activation, generator=generator, **settings)
