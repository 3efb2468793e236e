"""Networks as params.yaml names them."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from spikingjelly.activation_based import functional
from torch import nn

from pipeline.config.network import Network
from pipeline.nets.forward import named
from pipeline.nets.layers.shrink import Mixture, Shrink
from pipeline.nets.models._parts import initialise_attention
from pipeline.nets.tree import is_activation, leaves
from pipeline.pieces import module_of


def build(network: Network, classes: int, size: tuple[int, int], generator: torch.Generator | None = None) -> nn.Module:
    """Return a network for frames of a size (height, width, px), multi-step.

    Args:
        classes: C, the number of logits.
        generator: source of the initial weights; None takes torch's own. Attention draws after the model, which has
            the same weights with and without.

    Raises:
        ValueError: the frames are too small, there is no layer at which attention should go, or a layer is not known
            (see pipeline.nets.tree); or the model is bound to another number of time steps than T.
    """
    _check_steps(network)
    model = module_of("nets.models", network.model)
    net: nn.Module = model.build(
        network.model,
        classes,
        size,
        partial(_activation, network),
        generator,
    )
    if network.attention is not None:
        _attend(net, network, generator)
    for module in net.modules():
        # A layer that has numbers of its own to draw (GLIF's gates); last, so that all others stay.
        if callable(draw := getattr(module, "draw", None)):
            draw(generator)
    functional.set_step_mode(net, "m")
    # Said before the training, not after it.
    list(leaves(net))
    return net


def _check_steps(network: Network) -> None:
    """Refuse a model that is bound to another number of time steps than the network has."""
    bound = getattr(network.model, "steps", None)
    if bound is not None and network.steps != bound:
        raise ValueError(
            f"it shrinks its steps from T = {bound} (shrink.steps), found T = {network.steps or 'any'}; a recipe with "
            "it has that many steps, and an ANN, which has no number of them, takes another network"
        )


def _activation(network: Network, channels: int, factor: float = 1.0) -> nn.Module:
    """Return the activation of a layer; a factor on its threshold is one on the option of that name."""
    options: Any = network.activation
    if factor != 1:
        if not hasattr(options, "threshold"):
            raise ValueError(f"{options.kind} has no threshold for a factor of {factor}: set that of the network to 1")
        options = type(options).model_validate({**options.model_dump(), "threshold": factor * options.threshold})
    made: nn.Module = module_of("nets.layers", options).build(options, channels, network.steps)
    if not is_activation(made):
        raise ValueError(f"{options.kind} is no neuron: what leaves it is neither spikes nor quantised (neuron)")
    return made


def _attend(net: nn.Module, network: Network, generator: torch.Generator | None) -> None:
    """Put attention before or behind the named activations, in the Sequential where each stands."""
    options: Any = network.attention
    kind = module_of("nets.layers", options)
    before = getattr(kind, "BEFORE", False)
    places = {id(module): name for name, module in named(net, network.model.attention).items()}
    # Of the maps at a place; None behind a linear layer.
    channels: int | None = 0
    steps = network.steps
    for row in [module for module in net.modules() if isinstance(module, nn.Sequential)]:
        children = list(row._modules.items())
        row._modules.clear()
        for name, child in children:
            entering, inside = channels, [part for part in child.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
            if inside:
                # A block gives what the last of its layers gives.
                channels = inside[-1].out_channels if isinstance(inside[-1], nn.Conv2d) else None
            elif isinstance(child, Shrink | Mixture):
                steps = child.left
            here = [(name, child)]
            if places.pop(id(child), None):
                made = kind.build(options, entering if before else channels, steps)
                initialise_attention(made, generator)
                here.insert(0 if before else 1, (f"{options.kind}_{name}", made))
            for placed, module in here:
                row.add_module(placed, module)
    if places:
        raise ValueError(f"attention goes to a layer of an nn.Sequential, {', '.join(places.values())} is in none")
