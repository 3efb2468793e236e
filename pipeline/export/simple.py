"""What a spiking neuron computes, as the few numbers that other programs' neurons have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from spikingjelly.activation_based import neuron
from torch import nn

from pipeline.nets.layers import _neuron
from pipeline.nets.layers._spiking import FusedNeuron
from pipeline.nets.layers.clif import CLIF
from pipeline.nets.layers.glif import GLIF
from pipeline.nets.layers.group import GroupNeuron
from pipeline.nets.threshold import positive

Reset = Literal["soft", "hard", "clamp"]
# SpikingJelly's neurons that are these numbers; a subclass, other than ours, may be more.
NODES = (
    neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode,
    _neuron.IFNode, _neuron.LIFNode, _neuron.ParametricLIFNode,
)  # fmt: skip
MORE: dict[type, str] = {
    CLIF: "it has a second potential, which sets how far a spike resets the first",
    GLIF: "it mixes two resets, and weighs its input anew in each step",
    GroupNeuron: "its spikes are graded, counts of its members in place of one bit",
}


@dataclass(frozen=True)
class SimpleNeuron:
    """u = decay · v + gain · x; a spike where u >= threshold, which is worth `worth`; then the reset; v(0) = start."""

    decay: float
    gain: float
    threshold: float
    start: float
    reset: Reset
    worth: float


def simple(module: nn.Module) -> SimpleNeuron:
    """Return the numbers of a spiking neuron, ours or SpikingJelly's.

    Raises:
        ValueError: it is more than these numbers; the message says what.
    """
    if isinstance(module, FusedNeuron):
        dynamics, threshold = module.dynamics, float(positive(module.threshold))
        start = module.get_reset_value("v") * threshold
        return SimpleNeuron(dynamics.decay, 1.0, threshold, start, "hard" if dynamics.hard else "soft", threshold)
    if isinstance(module, _neuron.Neuron):
        return _of_options(module)
    if type(module) in NODES:
        return _of_node(module)
    known = (reason for kind, reason in MORE.items() if isinstance(module, kind))
    raise ValueError(next(known, "it is of a kind that has not been looked at"))


def _of_options(module: _neuron.Neuron) -> SimpleNeuron:
    options = module.options
    if _neuron.is_analog(options):
        raise ValueError("what leaves it is its membrane, a number and no spike (output: analog)")
    threshold = float(positive(module.threshold))
    decay = module.fixed if module.w is None else 1 - float(module.w.sigmoid())
    gain = 1.0 if module.input_scale == 1 else 1 - decay
    worth = threshold if options.output == "scaled" else 1.0
    return SimpleNeuron(decay, gain, threshold, options.start * threshold, options.reset, worth)


def _of_node(module: Any) -> SimpleNeuron:
    if module.v_reset not in (None, 0.0):
        raise ValueError(f"it resets to {module.v_reset}, expected 0 or by subtraction (v_reset: None)")
    threshold, decay = float(module.v_threshold), 1.0
    if isinstance(module, neuron.ParametricLIFNode):
        decay = 1 - float(module.w.sigmoid())
    elif isinstance(module, neuron.LIFNode):
        decay = 1 - 1 / module.tau
    gain = 1 - decay if getattr(module, "decay_input", False) else 1.0
    worth = threshold if getattr(module, "scaled", False) else 1.0
    reset: Reset = "soft" if module.v_reset is None else "hard"
    return SimpleNeuron(decay, gain, threshold, float(module.get_reset_value("v")), reset, worth)
