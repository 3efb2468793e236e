"""The integrate-and-fire neuron; by default the paper's: soft reset, v(0) = θ/2 (eq. 3 and 4, Algorithm 1)."""

from __future__ import annotations

from typing import Literal

from torch import nn

from pipeline.config.base import Nonnegative
from pipeline.nets.layers._neuron import NeuronOptions
from pipeline.nets.layers._neuron import build as build_neuron
from pipeline.nets.layers._spiking import Dynamics, FusedNeuron


class Options(NeuronOptions):
    """As for all neurons; the membrane does not decay."""

    kind: Literal["if"] = "if"
    reset: Literal["soft", "hard", "clamp"] = "soft"
    start: Nonnegative = 0.5


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the neuron."""
    del channels, steps
    return build_neuron(options, decay=1.0)


class IF(FusedNeuron):
    """The neuron with its default dynamics.

    Args: threshold: θ. train_threshold: whether θ learns. detach_reset: whether the gradient stops at the reset.
    """

    def __init__(self, threshold: float = 1.0, train_threshold: bool = False, detach_reset: bool = False) -> None:
        super().__init__(Dynamics(1.0, False, detach_reset), 0.5, threshold, train_threshold)
