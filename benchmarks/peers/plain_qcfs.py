"""The QCFS network in plain PyTorch, fp32, its activation written as the method's authors released it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers.loop import contiguous
from pipeline.nets import QCFS, FrameNet


class GradFloor(torch.autograd.Function):
    """Floor forward, identity backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        del ctx
        return x.floor()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        del ctx
        return upstream[0]


class PlainQCFS(nn.Module):
    """The authors' IF module at T = 0: x / λ, clamp to 0..1, floor(x L + 1/2) / L, times λ."""

    def __init__(self, levels: int, threshold: float) -> None:
        super().__init__()
        self.levels = levels
        self.threshold = nn.Parameter(torch.tensor([threshold]))

    def forward(self, x: Tensor) -> Tensor:
        x = x / self.threshold
        x = torch.clamp(x, 0, 1)
        x = GradFloor.apply(x * self.levels + 0.5) / self.levels
        return x * self.threshold


class PlainAnn(nn.Module):
    """Frames [T, N, 2, H, W] -> logits [T, N, C]; time is folded into the batch, for an ANN has none."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, frames: Tensor) -> Tensor:
        steps = len(frames)
        return self.layers(frames.flatten(0, 1)).unflatten(0, (steps, -1))


def plain_ann(net: FrameNet) -> PlainAnn:
    """Build the network with copies of a QCFS network's weights and thresholds."""
    layers: list[nn.Module] = []
    for layer in net.layers.children():
        if isinstance(layer, QCFS):
            layers.append(PlainQCFS(layer.levels, layer.positive_threshold().item()))
        else:
            layers.append(contiguous(layer))
    return PlainAnn(layers)
