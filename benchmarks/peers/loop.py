"""The usual spiking network in plain PyTorch, fp32: a Python loop over time, the membrane in autograd's graph.

`StepLoop` walks the whole network once a time step, as most released code does; `LayerLoop` folds time into the batch
around convolution and batch norm and loops in the neuron alone, as TET's released code does (SeqToANNContainer,
LIFSpike). The neuron and its surrogate are written as TET's are.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.nets import IF, LIF, FrameNet


class Triangle(torch.autograd.Function):
    """TET's ZIF: a step forward, a triangle of half-width γ backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: float) -> Tensor:
        out = (x >= 0).float()
        ctx.save_for_backward(x)
        ctx.gamma = gamma
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        gamma = ctx.gamma
        return upstream[0] * (1 / gamma) * (1 / gamma) * (gamma - x.abs()).clamp(min=0), None


class Neuron(nn.Module):
    """One time step of a spiking neuron with threshold 1: hard reset to 0 (LIF), or by subtraction (IF)."""

    def __init__(self, decay: float, hard: bool, start: float) -> None:
        super().__init__()
        self.decay, self.hard, self.start = decay, hard, start
        self.membrane: Tensor | float = start

    def forward(self, x: Tensor) -> Tensor:
        membrane = self.membrane * self.decay + x
        spike: Tensor = Triangle.apply(membrane - 1.0, 1.0)
        self.membrane = (1 - spike) * membrane if self.hard else membrane - spike
        return spike


class StepLoop(nn.Module):
    """Frames [T, N, 2, H, W] -> logits [T, N, C], one time step after the other through all layers.

    In training, batch norm sees each step by itself, so its losses differ from those of networks that fold time.
    """

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, frames: Tensor) -> Tensor:
        for layer in self.layers:
            if isinstance(layer, Neuron):
                layer.membrane = layer.start
        return torch.stack([self.layers(frame) for frame in frames])


class LayerLoop(nn.Module):
    """Frames [T, N, 2, H, W] -> logits [T, N, C], time folded into the batch but for the neurons."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, frames: Tensor) -> Tensor:
        steps = len(frames)
        x = frames
        for layer in self.layers:
            if isinstance(layer, Neuron):
                layer.membrane = layer.start
                x = torch.stack([layer(current) for current in x])
            else:
                x = layer(x.flatten(0, 1).contiguous()).unflatten(0, (steps, -1))
        return x


def layers_of(net: FrameNet) -> list[nn.Module]:
    """Give plain layers with copies of a network's weights, its neurons as `Neuron`.

    Raises:
        ValueError: a neuron with a threshold other than 1.
    """
    layers: list[nn.Module] = []
    for name, layer in net.layers.named_children():
        if isinstance(layer, (IF, LIF)):
            if float(layer.threshold) != 1:
                raise ValueError(f"{name}: expected a threshold of 1, found {float(layer.threshold)}")
            layers.append(Neuron(layer.dynamics.decay, layer.dynamics.hard, layer.dynamics.start))
        else:
            layers.append(contiguous(layer))
    return layers


def contiguous(layer: nn.Module) -> nn.Module:
    """Copy a layer, its weights in torch's own order of axes."""
    copied = copy.deepcopy(layer)
    for parameter in copied.parameters():
        parameter.data = parameter.data.contiguous()
    return copied
