"""Residual blocks: a body of two convolutions beside a shortcut, added.

Tensors [T, N, C, H, W]. A batch norm directly follows its convolution in an nn.Sequential, so that it folds, but for
those of `preact` that stand before the first activation of a branch.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from spikingjelly.activation_based import layer
from torch import Tensor, nn

from pipeline.nets.models._parts import Activation


class Residual(nn.Module):
    """shortcut(x) + body(x); without a shortcut x + body(x)."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.shortcut = nn.Sequential() if shortcut is None else shortcut
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        # The body last, so that counting takes the neuron behind the sum for one of the body's last layer.
        straight: Tensor = self.shortcut(x)
        return straight + self.body(x)


@dataclass(frozen=True)
class Blocks:
    """The kinds of blocks, each with inputs and outputs (channels) and the stride of its first convolution.

    `norm_weight`: that of a batch norm at the start. `sum_weight`: factor on it where two norms are added. Convolutions
    have no bias. The shortcut is the identity where a block changes neither channels nor size, else it has a
    convolution of 1 x 1 with the block's stride.
    """

    activation: Activation
    norm_weight: float = 1.0
    sum_weight: float = 1.0

    def basic(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Return act(shortcut + BN(conv(act(BN(conv))))); the shortcut has a batch norm (He et al., CVPR 2016).

        With `sum_weight` 1/√2 it is the block of tdBN (Zheng et al., AAAI 2021).
        """
        body = row(
            conv1=convolution(inputs, outputs, 3, stride), bn1=self.norm(outputs), act1=self.activation(outputs),
            conv2=convolution(outputs, outputs, 3), bn2=self.norm(outputs, self.sum_weight),
        )  # fmt: skip
        shortcut = None
        if changes(inputs, outputs, stride):
            shortcut = row(**pointwise(inputs, outputs, stride), bn=self.norm(outputs, self.sum_weight))
        return row(add=Residual(body, shortcut), act=self.activation(outputs))

    def sew(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Return shortcut + act(BN(conv(act(BN(conv))))): sums of spikes, 0, 1, 2, … (Fang et al., NeurIPS 2021)."""
        body = row(
            conv1=convolution(inputs, outputs, 3, stride), bn1=self.norm(outputs), act1=self.activation(outputs),
            conv2=convolution(outputs, outputs, 3), bn2=self.norm(outputs), act2=self.activation(outputs),
        )  # fmt: skip
        return Residual(body, self.unit(inputs, outputs, stride) if changes(inputs, outputs, stride) else None)

    def preact(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Return shortcut + conv(act(BN(conv(act(BN))))): sums of currents (He et al., ECCV 2016; as in BrainCog).

        The shortcut is conv(act(BN)), with a batch norm and an activation of its own.
        """
        body = row(
            bn1=self.norm(inputs), act1=self.activation(inputs), conv1=convolution(inputs, outputs, 3, stride),
            bn2=self.norm(outputs), act2=self.activation(outputs), conv2=convolution(outputs, outputs, 3),
        )  # fmt: skip
        shortcut = None
        if changes(inputs, outputs, stride):
            shortcut = row(bn=self.norm(inputs), act=self.activation(inputs), **pointwise(inputs, outputs, stride))
        return Residual(body, shortcut)

    def unit(self, inputs: int, outputs: int, stride: int) -> nn.Sequential:
        """Return act(BN(conv)), the convolution of 1 x 1."""
        return row(**pointwise(inputs, outputs, stride), bn=self.norm(outputs), act=self.activation(outputs))

    def norm(self, channels: int, factor: float = 1.0) -> nn.Module:
        """Return a batch norm over T, N, H, W with its first weight.

        SpikingJelly's ThresholdDependentBatchNorm2d is the same with α·θ for the weight, but takes no single steps.
        """
        made = layer.BatchNorm2d(channels)
        nn.init.constant_(made.weight, self.norm_weight * factor)
        return made


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, bias: bool = False) -> nn.Module:
    """Return a convolution that keeps the size at stride 1; the kernel's side is odd, px."""
    return layer.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)


def pointwise(inputs: int, outputs: int, stride: int) -> dict[str, nn.Module]:
    """Return a convolution of 1 x 1, by the names of its layers.

    With a stride, the pixels are picked first; the numbers are the same. Torch 2.13's own convolution of 1 x 1 with a
    stride writes outside its memory going back on a CPU, channels last, where there are few channels.
    """
    picked: dict[str, nn.Module] = {"pick": layer.AvgPool2d(1, stride)} if stride > 1 else {}
    return {**picked, "conv": convolution(inputs, outputs, 1)}


def row(**layers: nn.Module) -> nn.Sequential:
    """Return layers in a row, by their names."""
    return nn.Sequential(OrderedDict(layers))


def changes(inputs: int, outputs: int, stride: int) -> bool:
    """Return whether a block changes channels or size."""
    return stride != 1 or inputs != outputs
