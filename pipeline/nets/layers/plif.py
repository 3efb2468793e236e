"""The leaky neuron whose decay learns, one a layer (PLIF; Fang et al., ICCV 2021): decay = 1 - σ(w), κ = σ(w)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from pipeline.nets.layers._neuron import InputScale, NeuronOptions, Output
from pipeline.nets.layers._neuron import build as build_neuron
from pipeline.nets.layers._surrogates import Arctan, Surrogate


class Options(NeuronOptions):
    """As for all neurons, and the decay at the start (1 - 1/τ); `input_scale` 1 leaves the input as it is."""

    kind: Literal["plif"] = "plif"
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.5
    input_scale: InputScale = "1-decay"
    surrogate: Surrogate = Arctan()
    detach_reset: bool = True
    output: Output = "spike"


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the neuron; its w is the parameter `w`."""
    del channels, steps
    return build_neuron(options, options.decay, options.input_scale, learns=True)
