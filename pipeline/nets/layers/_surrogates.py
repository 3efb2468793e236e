"""Surrogate gradients: what stands for the derivative of a spike by the membrane's distance d from the threshold.

With `normalised`, d = u/θ - 1 in place of u - θ, so that the width moves with the threshold.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field
from spikingjelly.activation_based import surrogate
from torch import Tensor, nn

from pipeline.config.base import Group, Positive


class _Surrogate(Group):
    normalised: bool = False


class Triangle(_Surrogate):
    """max(0, γ - |d|) / γ² with γ = width (eq. 12)."""

    kind: Literal["triangle"] = "triangle"
    width: Positive = 1.0


class Rect(_Surrogate):
    """1/a where |d| < a/2, else 0, with a = width."""

    kind: Literal["rect"] = "rect"
    width: Positive = 1.0


class Arctan(_Surrogate):
    """α/2 / (1 + (π/2 · α · d)²)."""

    kind: Literal["arctan"] = "arctan"
    alpha: Positive = 2.0


class Sigmoid(_Surrogate):
    """α · σ(αd) · (1 - σ(αd))."""

    kind: Literal["sigmoid"] = "sigmoid"
    alpha: Positive = 4.0


class Dspike(_Surrogate):
    """b · sech²(bd) / (2 · tanh(rb)) where |d| <= r, else 0, with b = sharpness and r = reach.

    Source: Li et al., Differentiable Spike (NeurIPS 2021), with r = 1/2, a window of width 1; b = r = 3 as in the code
    of DT-SNN. b to 0 is the straight line, b without end the step.
    """

    kind: Literal["dspike"] = "dspike"
    sharpness: Positive = 3.0
    reach: Positive = 3.0


def _plain(surrogate: _Surrogate) -> _Surrogate:
    if surrogate.normalised:
        raise ValueError("normalised: this neuron takes the distance u - θ alone; expected false")
    return surrogate


Surrogate = Annotated[Triangle | Rect | Arctan | Sigmoid | Dspike, Field(discriminator="kind")]
# Of a neuron that knows no distance but u - θ.
PlainSurrogate = Annotated[Surrogate, AfterValidator(_plain)]


def build(options: Surrogate) -> nn.Module:
    """Return the function d -> 0 or 1 whose backward pass has the surrogate's derivative."""
    match options:
        case Triangle():
            return surrogate.PiecewiseQuadratic(alpha=1 / options.width)
        case Rect():
            return surrogate.Rect(alpha=1 / options.width)
        case Arctan():
            return surrogate.ATan(alpha=options.alpha)
        case Sigmoid():
            return surrogate.Sigmoid(alpha=options.alpha)
        case Dspike():
            return DspikeFunction(sharpness=options.sharpness, reach=options.reach)
    raise ValueError(f"no surrogate: {options!r}")


class DspikeFunction(surrogate.SurrogateFunctionBase):
    """Dspike's derivative; `sharpness` is a buffer, so that it may be searched for and a checkpoint keeps it."""

    sharpness: Tensor

    def __init__(self, sharpness: float, reach: float) -> None:
        super().__init__(reach=reach)
        self.register_buffer("sharpness", torch.tensor(float(sharpness)))
        self._sg_param_names = ("sharpness", "reach")

    @staticmethod
    def primitive_function(x: Tensor, sharpness: Tensor, reach: float) -> Tensor:
        # The paper's D, seen from the threshold: 0 below -r, 1 above r.
        return (sharpness * x.clamp(-reach, reach)).tanh() / (2 * (sharpness * reach).tanh()) + 0.5

    @staticmethod
    def spiking_function(x: Tensor, sharpness: Tensor, reach: float) -> Tensor:
        smooth = DspikeFunction.primitive_function(x, sharpness, reach)
        # The difference is exactly 0 and carries the gradient.
        return surrogate.heaviside(x) + (smooth - smooth.detach())
