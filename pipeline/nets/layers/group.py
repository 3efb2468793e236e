"""The noisy group neuron (NGN; arXiv 2608.17394): K leaky neurons of one membrane, each with noise of its own.

    v = decay · h⁻ + x
    o = 1/K · (how many of K members have v + σ ε >= θ, ε ~ N(0, 1) anew for each unit, step and member)
    h = v · (1 - o);   do/dv = exp(-(v - θ)² / 2σ²) / (√(2π) σ)

What leaves is a graded spike: a count of 0 to K over K, not one bit. The members fire alike with probability
p = Φ((v - θ)/σ), so their count is drawn at once, from a binomial distribution, and K costs no memory (our reading; the
distribution is the same).

**In training** the counts come from torch's own stream, as dropout does. **In eval mode** nothing is drawn, so that an
answer can be repeated and does not hang on the others in its batch: the members' noise stands evenly, at the quantiles
(k - 1/2)/K of N(0, 1), and the count is ⌊K p + 1/2⌋ (ours; the authors draw in the test too). Of one member this is the
leaky neuron without noise; of K = L it is what a QCFS of L levels is to its input, with Φ for the clipped line.

**Mean field** is K without end: o = p, in training and eval mode, a smooth activation with a leaky state. It sends
real numbers, no spikes.

**Operations** (ours): a group is K neurons, and a graded spike of k/K is k spikes, each an accumulate at every synapse.
Its firing rate is that of its members. A mean field costs multiply-accumulates.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from spikingjelly.activation_based import surrogate
from torch import Tensor, nn

from pipeline.config.base import Count, Group, Positive
from pipeline.nets.layers._neuron import Node

Members = Count | Literal["mean-field"]


class Options(Group):
    """`members`: K. `test_members`: K in eval mode, null is the same. `sigma`: of the noise. The rest as for `lif`.

    The authors have K = 16 and sigma = 0.5; their decay for event data is not known, 0.5 is ours.
    """

    kind: Literal["group"] = "group"
    members: Members = 16
    test_members: Members | None = None
    sigma: Positive = 0.5
    decay: Annotated[float, Field(ge=0, le=1)] = 0.5
    threshold: Positive = 1.0
    detach_reset: bool = False


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the neuron."""
    del channels, steps
    return GroupNeuron(options)


class GroupNeuron(Node):
    """The neuron of the module's docstring.

    Shape: input current [T, N, ...] (step mode "s": [N, ...]), any float dtype; output float32, the same shape, 0 to 1.
    The membrane `v` (h above) is carried from call to call until `functional.reset_net`.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(float(options.threshold), 0.0, surrogate.Erf(), options.detach_reset, step_mode="m")
        self.options = options

    @property
    def members(self) -> int | None:
        """K in the mode that the module is in; None for a mean field."""
        options = self.options
        found = options.members if self.training or options.test_members is None else options.test_members
        return None if found == "mean-field" else found

    def single_step_functional_forward(
        self, inputs: tuple[Tensor, ...], states: tuple[Any, ...], **_: object
    ) -> tuple[tuple[Tensor, ...], tuple[Any, ...]]:
        """Return what leaves in one step and the next membrane."""
        (x,), (h,) = inputs, states
        v = self.options.decay * h + x
        # The derivative of Φ is the surrogate.
        o = self._fired(torch.special.ndtr((v - self.v_threshold) / self.options.sigma))
        gate = o.detach() if self.detach_reset else o
        return (o,), (v * (1 - gate),)

    def _fired(self, p: Tensor) -> Tensor:
        """Return which share of the members fires, each with probability p, with the gradient of p."""
        if self.members is None:
            return p
        fixed = p.detach()
        if self.training:
            count = torch.binomial(torch.full_like(fixed, self.members), fixed)
        else:
            count = (fixed * self.members + 0.5).floor()
        # The difference is exactly 0 and carries the gradient.
        return count / self.members + (p - fixed)

    def spikes(self, out: Tensor) -> Tensor | None:
        """Return the number of spikes that an output stands for; None for a mean field."""
        return None if self.members is None else (out * self.members).round()

    def extra_repr(self) -> str:
        options = self.options
        return f"members={options.members}, sigma={options.sigma}, decay={options.decay}, step_mode={self.step_mode}"
