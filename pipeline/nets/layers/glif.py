"""The gated leaky neuron (GLIF; Yao et al., NeurIPS 2022): each channel learns how it leaks, takes in and resets."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.config.base import Group, Nonnegative
from pipeline.nets.layers._neuron import Node
from pipeline.nets.layers._surrogates import PlainSurrogate, Rect
from pipeline.nets.layers._surrogates import build as build_surrogate

# It has a conductance for each step.
BOUND = True

Inside = Annotated[float, Field(gt=0, lt=1)]


class Options(Group):
    """The values at the start, 0 to 1, all of which learn; the defaults are those of the authors' code for event data.

    `decay`: τ. `threshold`: V. `subtracted`: r, by the soft part of the reset. `leak`: l, the linear leak a step; null
    is V / 2T. `conductance`: g. `spread`: the logits of the gates α, β, γ are spread · (U(0, 1) - 1/2), see GLIF.draw.
    """

    kind: Literal["glif"] = "glif"
    decay: Inside = 0.5
    threshold: Inside = 0.99999
    subtracted: Inside = 0.99999
    leak: Inside | None = None
    conductance: Inside = 0.9
    spread: Nonnegative = 0.2
    surrogate: PlainSurrogate = Rect()


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the neuron for maps of so many channels over so many steps.

    Raises:
        ValueError: it is not known how many.
    """
    if channels is None or steps is None:
        raise ValueError(f"glif is bound to its channels and steps, found {channels} and {steps}")
    return GLIF(options, channels, steps)


class GLIF(Node):
    """A neuron of 7 + T parameters a channel, each σ of the logit that is stored.

        I = x · (1 - β · (1 - g_t))
        u = (1 - α(1 - τ)) · u⁻ · (1 - γ s⁻) - (1 - α) · l + I - (1 - γ) · r · s⁻
        s = 1 if u >= V else 0                               u⁻, s⁻: of the step before, 0 at first

    The gradient goes through everything, the reset too. The equations are those of SpikingJelly's GatedLIFNode, which
    begins each call without the last spike, has no single steps and takes maps [T, N, C, H, W] alone.

    Args:
        options: the values at the start.
        channels: C. steps: T, the number of steps it has a conductance g_t for.

    Shape: input current [T, N, C, ...] (step mode "s": [N, C, ...]), any float dtype; spikes float32, the same shape.
    The membrane `v`, the last spikes `s` and the number of steps `t` are carried from call to call until
    `functional.reset_net`. A call in multi-step mode holds all T steps, or one.

    Raises:
        ValueError: another number of steps than T; or the carried membrane is of another shape.
    """

    s: Tensor | float
    t: int

    def __init__(self, options: Options, channels: int, steps: int) -> None:
        super().__init__(options.threshold, 0.0, build_surrogate(options.surrogate), step_mode="m")
        self.register_memory("s", 0.0)
        self.register_memory("t", 0)
        self.steps, self.spread = steps, options.spread
        leak = options.threshold / (2 * steps) if options.leak is None else options.leak
        # α, β, γ: all at 1/2 until they are drawn.
        self.gates = nn.Parameter(torch.zeros(3, channels))
        self.decay = _logits(options.decay, channels)
        self.threshold = _logits(options.threshold, channels)
        self.subtracted = _logits(options.subtracted, channels)
        self.leak = _logits(leak, channels)
        self.conductance = _logits(options.conductance, steps, channels)

    @torch.no_grad()
    def draw(self, generator: torch.Generator | None) -> None:
        """Draw the gates at the start."""
        self.gates.copy_(self.spread * (torch.rand(self.gates.shape, generator=generator) - 0.5))

    def materialize_states(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], step_mode: str
    ) -> tuple[Any, ...]:
        """Return the states as tensors, where they were numbers."""
        v, s, t = super().materialize_states(inputs, states, step_mode)
        more = len(inputs[0]) if step_mode == "m" else 1
        if t + more > self.steps or more not in (1, self.steps):
            raise ValueError(
                f"glif was built for {self.steps} time steps and has a conductance for each, found {t + more}; a "
                "network with it learns and answers in its own number of steps only (recipes.*.steps), or one by one"
            )
        return v, s if isinstance(s, Tensor) else torch.full_like(v, s), t

    def multi_step_functional_forward(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], **_: object
    ) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        """Return the spikes of all steps and the next states."""
        out: tuple[tuple[Tensor, ...], tuple[Any, ...]]
        out = super().multi_step_functional_forward(inputs, states, values=self._values(inputs[0].dim() - 3))
        return out

    def single_step_functional_forward(
        self,
        inputs: tuple[Tensor, ...],
        states: tuple[Any, ...],
        values: tuple[Tensor, ...] | None = None,
        **_: object,
    ) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        """Return the spikes of one step and the next states."""
        (x,), (v, s, t) = inputs, states
        keep, forgets, leak, reset, threshold, taken = values or self._values(x.dim() - 2)
        u = v * (keep - forgets * s) - leak + x * taken[t] - reset * s
        s = self.surrogate_function(u - threshold)
        return (s,), (u, s, t + 1)

    def _values(self, axes: int) -> tuple[Tensor, ...]:
        """Return what a step needs, each [C, 1, ...] with so many axes behind; the last one is [T, C, 1, ...].

        They are made of the logits once a call, for T steps.
        """
        shape = (-1, *(1,) * axes)
        alpha, beta, gamma = (gate.sigmoid().view(shape) for gate in self.gates)
        logits = (self.decay, self.threshold, self.subtracted, self.leak)
        tau, threshold, subtracted, leak = (each.sigmoid().view(shape) for each in logits)
        keep = 1 - alpha * (1 - tau)
        taken = 1 - beta * (1 - self.conductance.sigmoid().view(self.steps, *shape))
        return keep, keep * gamma, (1 - alpha) * leak, (1 - gamma) * subtracted, threshold, taken

    def extra_repr(self) -> str:
        return f"channels={self.gates.shape[1]}, steps={self.steps}, step_mode={self.step_mode}"


def _logits(value: float, *shape: int) -> nn.Parameter:
    return nn.Parameter(torch.full(shape, math.log(value / (1 - value))))
