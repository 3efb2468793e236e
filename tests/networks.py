"""Networks for tests, in one line each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from spikingjelly.activation_based import functional
from torch import nn

from pipeline.nets.layers.if_ import IF
from pipeline.nets.models import snn5 as snn5_model
from pipeline.nets.models import vgg_snn as vgg_model


def vgg_snn(
    classes: int,
    size: tuple[int, int] = (48, 48),
    width: float = 1.0,
    activation: Callable[[], nn.Module] = IF,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Return a VGG-SNN."""
    return vgg_model.build(vgg_model.Options(width=width), classes, size, lambda _: activation(), generator)


def snn5(
    classes: int,
    size: tuple[int, int] = (128, 128),
    width: float = 1.0,
    dropout: float = 0.5,
    voters: int = 10,
    activation: Callable[[], nn.Module] = IF,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Return an SNN-5."""
    options = snn5_model.Options(width=width, dropout=dropout, voters=voters)
    return snn5_model.build(options, classes, size, lambda _: activation(), generator)


def chain(layers: dict[str, nn.Module]) -> nn.Sequential:
    """Return a multi-step network of layers in a row, as `net.layers`, with the weights that they have."""
    net = nn.Sequential(OrderedDict(layers=nn.Sequential(OrderedDict(layers))))
    functional.set_step_mode(net, "m")
    return net
