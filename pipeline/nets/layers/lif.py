"""The leaky integrate-and-fire neuron; by default TET's of VGG-SNN: u = v/2 + x, hard reset to 0, v(0) = 0."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from pipeline.nets.layers._neuron import InputScale, NeuronOptions
from pipeline.nets.layers._neuron import build as build_neuron
from pipeline.nets.layers._spiking import Dynamics, FusedNeuron


class Options(NeuronOptions):
    """As for all neurons, and the decay of the membrane in a step; `input_scale` 1-decay scales the input too."""

    kind: Literal["lif"] = "lif"
    decay: Annotated[float, Field(ge=0, le=1)] = 0.5
    input_scale: InputScale = 1


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the neuron."""
    del channels, steps
    return build_neuron(options, options.decay, options.input_scale)


class LIF(FusedNeuron):
    """The neuron with its default dynamics.

    Args: threshold: θ. train_threshold: whether θ learns. detach_reset: whether the gradient stops at the reset.
    """

    def __init__(self, threshold: float = 1.0, train_threshold: bool = False, detach_reset: bool = False) -> None:
        super().__init__(Dynamics(0.5, True, detach_reset), 0.0, threshold, train_threshold)
