"""The complementary leaky neuron (CLIF; Huang et al., ICML 2024): a second potential remembers its spikes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from spikingjelly.activation_based import neuron
from torch import nn

from pipeline.config.base import Group, Positive
from pipeline.nets.layers._neuron import Node
from pipeline.nets.layers._surrogates import PlainSurrogate, Rect
from pipeline.nets.layers._surrogates import build as build_surrogate


class Options(Group):
    """`decay`: of the membrane in a step, 1 - 1/τ. `threshold`: θ. `output`: s, or s·θ (scaled)."""

    kind: Literal["clif"] = "clif"
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.5
    threshold: Positive = 1.0
    surrogate: PlainSurrogate = Rect()
    output: Literal["spike", "scaled"] = "spike"


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the neuron."""
    del channels, steps
    made = CLIF(
        tau=1 / (1 - options.decay),
        v_threshold=float(options.threshold),
        surrogate_function=build_surrogate(options.surrogate),
        step_mode="m",
    )
    made.scaled = options.output == "scaled"
    return made


class CLIF(Node, neuron.ComplementaryLIFNode):
    """SpikingJelly's ComplementaryLIFNode: its spikes are 0 and 1, and it has no parameters.

        u = (1 - 1/τ) · v⁻ + x;   s = 1 if u >= θ else 0;   m = m⁻ · σ(u/τ) + s;   v = u - s · (θ + σ(m))

    The gradient goes through everything, the reset and m too.

    Shape: input current [T, N, ...] (step mode "s": [N, ...]), any float dtype; output float32, the same shape. The
    potentials `v` and `m` are carried from call to call until `functional.reset_net`.
    """
