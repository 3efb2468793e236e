"""SNN-5, the paper's network for DVS128 Gesture (after PLIF's)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pipeline.nets.dropout import StepDropout
from pipeline.nets.network import FrameNet
from pipeline.nets.neurons import IF
from pipeline.nets.vgg import POLARITIES, initialise

# Blocks of a convolution and a pool; channels of each and units of the hidden layer at width 1.
BLOCKS = 5
CHANNELS = 128
HIDDEN = 512


class Vote(nn.Module):
    """Average groups of outputs: [..., C · voters] -> [..., C]."""

    def __init__(self, voters: int) -> None:
        super().__init__()
        self.voters = voters

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.voters)).mean(-1)

    def extra_repr(self) -> str:
        return f"voters={self.voters}"


def snn5(
    classes: int,
    size: tuple[int, int] = (128, 128),
    width: float = 1.0,
    dropout: float = 0.5,
    voters: int = 10,
    activation: Callable[[], nn.Module] = lambda: IF(1.0),
    generator: torch.Generator | None = None,
) -> FrameNet:
    """Build an SNN-5: five Conv3x3-BN-activation-average pool, a hidden layer, and outputs that vote for the classes.

    What leaves the last linear layer is real-valued, in ANN and SNN alike, and so is the vote. At full width,
    128 x 128 and 11 classes it has 1,699,566 parameters, and a λ for each QCFS.

    Args:
        classes: C, the number of logits.
        size: height and width of the frames, px; at least 32 each.
        width: factor on channels and hidden units; at least one is left.
        dropout: probability before each linear layer, one mask for all time steps.
        voters: outputs a class.
        activation: makes the activation of each layer, spiking or not.
        generator: source of the initial weights; None takes torch's own.

    Raises:
        ValueError: a frame too small for five poolings, or no class, voter or width.
    """
    if classes < 1 or voters < 1 or width <= 0:
        raise ValueError(f"classes, voters and width must be above 0, found {classes}, {voters} and {width}")
    shrunk = [side // 2**BLOCKS for side in size]
    if min(shrunk) < 1:
        raise ValueError(f"frames of {size} px are too small for {BLOCKS} poolings; at least {2**BLOCKS}")
    channels, hidden = max(1, round(CHANNELS * width)), max(1, round(HIDDEN * width))
    layers: dict[str, nn.Module] = {}
    inputs = POLARITIES
    for number in range(1, BLOCKS + 1):
        layers[f"conv{number}"] = nn.Conv2d(inputs, channels, 3, padding=1)
        layers[f"bn{number}"] = nn.BatchNorm2d(channels)
        layers[f"act{number}"] = activation()
        layers[f"pool{number}"] = nn.AvgPool2d(2)
        inputs = channels
    layers["flatten"] = nn.Flatten()
    layers["drop1"] = StepDropout(dropout)
    layers["fc1"] = nn.Linear(channels * shrunk[0] * shrunk[1], hidden)
    layers[f"act{BLOCKS + 1}"] = activation()
    layers["drop2"] = StepDropout(dropout)
    layers["fc2"] = nn.Linear(hidden, classes * voters)
    layers["vote"] = Vote(voters)
    net = FrameNet(layers)
    initialise(net, generator)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
