"""Networks for tests, in one line each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from spikingjelly.activation_based import functional
from torch import nn

from pipeline.config.catalogues import read_yaml
from pipeline.nets.layers.if_ import IF
from pipeline.nets.models import chain as chain_model
from pipeline.pieces import checked

NETWORKS = Path(__file__).parents[1] / "params/networks.yaml"


def entry(name: str, **changes: Any) -> dict[str, Any]:
    """Return an entry of params/networks.yaml with other values."""
    return {**read_yaml(NETWORKS)[name], **changes}


def made(
    name: str,
    classes: int,
    size: tuple[int, int],
    activation: Callable[[], nn.Module] = IF,
    generator: torch.Generator | None = None,
    **changes: Any,
) -> nn.Sequential:
    """Return the chain of an entry of params/networks.yaml with other values."""
    options: Any = checked("nets.models", entry(name, **changes))
    return chain_model.build(options, classes, size, lambda _: activation(), generator)


def vgg_snn(
    classes: int,
    size: tuple[int, int] = (48, 48),
    width: float = 1.0,
    activation: Callable[[], nn.Module] = IF,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Return a VGG-SNN."""
    return made("vgg-snn", classes, size, activation, generator, width=width)


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
    return made("snn-5", classes, size, activation, generator, width=width, dropout=dropout, voters=voters)


def chain(layers: dict[str, nn.Module]) -> nn.Sequential:
    """Return a multi-step network of layers in a row, as `net.layers`, with the weights that they have."""
    net = nn.Sequential(OrderedDict(layers=nn.Sequential(OrderedDict(layers))))
    functional.set_step_mode(net, "m")
    return net
