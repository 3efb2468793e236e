"""A spiking neuron as data: its options, and the module that serves them.

With membrane v, input x, threshold θ and spike s:

    u(t) = decay · v(t-1) + κ · x(t)                 κ: input_scale
    s(t) = 1 if u(t) >= θ else 0
    v(t) = u - θ·s (soft), (1 - s)·u (hard), (1 - s)·u + s·θ (clamp)

What leaves is s, s·θ (scaled), act(u) (analog, LIAF's NTR mode) or act(u - θ) (analog-tr, its TR mode).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from pydantic import model_validator
from spikingjelly.activation_based import base, neuron
from torch import Tensor, nn
from torch.nn import functional

from pipeline.config.base import Group, Nonnegative, Positive
from pipeline.nets.layers._spiking import Dynamics, FusedNeuron, check_membrane
from pipeline.nets.layers._surrogates import Surrogate, Triangle
from pipeline.nets.layers._surrogates import build as build_surrogate
from pipeline.nets.threshold import positive

InputScale = Literal[1, "1-decay"]
Output = Literal["spike", "scaled", "analog", "analog-tr"]
ACTS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "selu": functional.selu,
    "leaky-relu": functional.leaky_relu,
}


class NeuronOptions(Group):
    """What the kinds of neurons share.

    `start`: v(0), a share of θ. `detach_reset`: whether the gradient stops at the reset. `act`: of an analog output,
    which is a number and no spike; the spikes of such a neuron reset it and go nowhere.
    """

    threshold: Positive = 1.0
    train_threshold: bool = False
    reset: Literal["soft", "hard", "clamp"] = "hard"
    start: Nonnegative = 0.0
    surrogate: Surrogate = Triangle(normalised=True)
    detach_reset: bool = False
    output: Output = "scaled"
    act: Literal["relu", "selu", "leaky-relu"] = "relu"

    @model_validator(mode="after")
    def _act_is_of_an_analog_output(self) -> NeuronOptions:
        if self.act != "relu" and not is_analog(self):
            raise ValueError(f"act: {self.act} is what an analog output goes through, found output: {self.output}")
        return self


def is_analog(options: NeuronOptions) -> bool:
    """Return whether what leaves is a number and no spike."""
    return options.output in ("analog", "analog-tr")


def build(options: NeuronOptions, decay: float, input_scale: InputScale = 1, learns: bool = False) -> base.MemoryModule:
    """Return the fused neuron where it has these dynamics, else SpikingJelly's node, else one made for them.

    Args:
        decay: 0 to 1; where it `learns`, the one at the start.
    """
    made: base.MemoryModule
    if is_fused(options, input_scale, learns):
        dynamics = Dynamics(decay, options.reset == "hard", options.detach_reset)
        made = FusedNeuron(dynamics, options.start, options.threshold, options.train_threshold)
    elif _is_spikingjellys(options, decay):
        made = _spikingjellys(options, decay, input_scale, learns)
    else:
        made = Neuron(options, decay, input_scale, learns)
    return made


def is_fused(options: NeuronOptions, input_scale: InputScale = 1, learns: bool = False) -> bool:
    """Return whether FusedNeuron has these dynamics; at θ = 1 that does not learn, u/θ is u and s·θ is s."""
    one = options.threshold == 1.0 and not options.train_threshold
    surrogate = options.surrogate
    return (
        (input_scale == 1 and not learns and options.reset != "clamp")
        and (isinstance(surrogate, Triangle) and surrogate.width == 1.0 and (surrogate.normalised or one))
        and (options.output == "scaled" or (options.output == "spike" and one))
    )


class Node(neuron.BaseNode):
    """What we add to SpikingJelly's nodes: a membrane in float32 under autocast too, v(0), s·θ, and no silent reset.

    Raises:
        ValueError: the carried membrane is of another shape than the input.
    """

    scaled = False

    def forward(self, x: Tensor) -> Tensor:
        spikes: Tensor = super().forward(x.float())
        return spikes * self.v_threshold if self.scaled else spikes

    def starts_at(self, v: float) -> None:
        self.v = v
        self.set_reset_value("v", v)

    def spikes(self, out: Tensor) -> Tensor | None:
        """Return the number of spikes that an output stands for; None for one that is no spike."""
        return (out != 0).float()

    def materialize_states(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], step_mode: str
    ) -> tuple[Any, ...]:
        """Return the states as tensors, where they were numbers."""
        here = inputs[0].shape[1:] if step_mode == "m" else inputs[0].shape
        check_membrane(states[0], here)
        made: tuple[Any, ...] = super().materialize_states(inputs, states, step_mode)
        return made


class IFNode(Node, neuron.IFNode):
    """SpikingJelly's IFNode."""


class LIFNode(Node, neuron.LIFNode):
    """SpikingJelly's LIFNode."""


class ParametricLIFNode(Node, neuron.ParametricLIFNode):
    """SpikingJelly's ParametricLIFNode."""


def _is_spikingjellys(options: NeuronOptions, decay: float) -> bool:
    plain = not options.train_threshold and not options.surrogate.normalised
    return plain and options.reset != "clamp" and not is_analog(options) and decay > 0


def _spikingjellys(options: NeuronOptions, decay: float, input_scale: InputScale, learns: bool) -> Node:
    settings = {
        "v_threshold": float(options.threshold),
        "v_reset": 0.0 if options.reset == "hard" else None,
        "surrogate_function": build_surrogate(options.surrogate),
        "detach_reset": options.detach_reset,
        "step_mode": "m",
    }
    if decay == 1:
        node = IFNode(**settings)
    elif learns:
        node = ParametricLIFNode(1 / (1 - decay), input_scale != 1, **settings)
    else:
        node = LIFNode(1 / (1 - decay), input_scale != 1, **settings)
    node.scaled = options.output == "scaled"
    node.starts_at(options.start * options.threshold)
    return node


class Neuron(Node):
    """Any neuron that the options describe, step by step in autograd.

    Shape: input current [T, N, ...], any float dtype; output float32, the same shape. The membrane `v` is carried from
    call to call until `functional.reset_net`. A decay that learns is 1 - σ(w); θ is kept as in FusedNeuron.
    """

    threshold: Tensor

    def __init__(self, options: NeuronOptions, decay: float, input_scale: InputScale, learns: bool) -> None:
        surrogate = build_surrogate(options.surrogate)
        super().__init__(float(options.threshold), 0.0, surrogate, options.detach_reset, step_mode="m")
        self.options, self.input_scale = options, input_scale
        value = torch.tensor(float(options.threshold))
        if options.train_threshold:
            self.threshold = nn.Parameter(value)
        else:
            self.register_buffer("threshold", value)
        self.fixed = decay
        self.w = nn.Parameter(torch.tensor(1 - decay).logit()) if learns else None

    def materialize_states(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], step_mode: str
    ) -> tuple[Any, ...]:
        """Return the membrane as a tensor; at the beginning it is a share of θ, which may learn."""
        begins = not isinstance(states[0], Tensor)
        (v,) = super().materialize_states(inputs, states, step_mode)
        return (v + self.options.start * positive(self.threshold) if begins else v,)

    def single_step_functional_forward(
        self, inputs: tuple[Tensor, ...], states: tuple[Tensor, ...], **_: object
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return what leaves in one step and the next membrane."""
        options, (x,), (v,) = self.options, inputs, states
        threshold = positive(self.threshold)
        decay = self.fixed if self.w is None else 1 - self.w.sigmoid()
        u = decay * v + (x if self.input_scale == 1 else (1 - decay) * x)
        distance = u / threshold - 1 if options.surrogate.normalised else u - threshold
        s = self.surrogate_function(distance)
        gate = s.detach() if options.detach_reset else s
        if options.reset == "soft":
            v = u - threshold * gate
        else:
            v = (1 - gate) * u + (gate * threshold if options.reset == "clamp" else 0)
        if is_analog(options):
            out = ACTS[options.act](u if options.output == "analog" else u - threshold)
        else:
            out = s * threshold if options.output == "scaled" else s
        return (out,), (v,)

    def spikes(self, out: Tensor) -> Tensor | None:
        """Return the number of spikes that an output stands for; None for an analog one."""
        return None if is_analog(self.options) else super().spikes(out)
