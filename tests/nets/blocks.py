"""Networks that are no chains: a residual block, parallel branches, a block with attention."""

from __future__ import annotations

from collections.abc import Callable

import torch
from spikingjelly.activation_based import functional, layer
from torch import Tensor, nn

from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.layers.tcja import TCJA

Activation = Callable[[], nn.Module]


class Basic(nn.Module):
    """A block of ResNet: two convolutions, a shortcut with a convolution of its own, add, then the activation."""

    def __init__(self, inputs: int, outputs: int, stride: int, activation: Activation) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            layer.Conv2d(inputs, outputs, 3, stride, 1, bias=False), layer.BatchNorm2d(outputs), activation(),
            layer.Conv2d(outputs, outputs, 3, 1, 1, bias=False), layer.BatchNorm2d(outputs),
        )  # fmt: skip
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                layer.Conv2d(inputs, outputs, 1, stride, bias=False), layer.BatchNorm2d(outputs)
            )
        self.act = activation()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.branch(x) + self.shortcut(x))


class Sew(nn.Module):
    """Spikes of two branches side by side, added: 0, 1 or 2; and a third that is the input itself."""

    def __init__(self, channels: int, activation: Activation) -> None:
        super().__init__()
        self.conv1, self.norm1 = layer.Conv2d(channels, channels, 1, bias=False), layer.BatchNorm2d(channels)
        self.conv2, self.norm2 = layer.Conv2d(channels, channels, 1, bias=False), layer.BatchNorm2d(channels)
        self.act1, self.act2 = activation(), activation()

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.act1(self.norm1(self.conv1(x))), self.act2(self.norm2(self.conv2(x)))
        return torch.cat([one + two, x], dim=2)


class ResNet(nn.Module):
    """A stem, two blocks, global average, linear; 2 x H x W frames."""

    def __init__(self, activation: Activation, channels: int = 4, classes: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            layer.Conv2d(2, channels, 3, 1, 1, bias=False), layer.BatchNorm2d(channels), activation()
        )
        self.blocks = nn.Sequential(
            Basic(channels, channels, 1, activation), Basic(channels, 2 * channels, 2, activation)
        )
        self.head = nn.Sequential(
            layer.AdaptiveAvgPool2d(1), layer.Flatten(), layer.Linear(2 * channels, classes, bias=False)
        )
        functional.set_step_mode(self, "m")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)))


class Attended(nn.Module):
    """A block with attention behind its first activation, and branches that are added and joined."""

    def __init__(self, activation: Activation, steps: int, channels: int = 4, classes: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(layer.Conv2d(2, channels, 3, 1, 1, bias=False), activation())
        self.attention = TCJA(steps, channels, 2, 2)
        self.block = Sew(channels, activation)
        self.head = nn.Sequential(
            layer.AvgPool2d(2), layer.Flatten(), layer.Linear(2 * channels * 4, classes, bias=False)
        )
        functional.set_step_mode(self, "m")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(self.attention(self.stem(x))))


def resnet(activation: Activation = lambda: QCFS(8, 1.0), seed: int = 0) -> nn.Module:
    """Return a ResNet with random weights."""
    torch.manual_seed(seed)
    return ResNet(activation)


def gentle(net: nn.Module, weight: float = 0.25) -> nn.Module:
    """Set two weights of a quarter for each output, all others 0, and norms that change nothing.

    Sums are then exact in whatever order. With inputs of 0 and 1, a threshold of 1/2 in the stem and of 1 behind it, no
    neuron is driven beyond its threshold in a step, nor below 0: its membrane stays between 0 and θ, and what it sends
    in L steps is QCFS of its mean input, exactly.
    """
    generator = torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan = module.weight[0].numel()
            chosen = torch.rand(len(module.weight), fan, generator=generator).argsort(1) < 2
            with torch.no_grad():
                module.weight.copy_((chosen * weight).view(module.weight.shape))
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eps = 0.0
        elif isinstance(module, TCJA):
            # σ(0): all weighed alike, whatever the spikes' times.
            nn.init.zeros_(module.over_steps.weight)
    return net.eval()
