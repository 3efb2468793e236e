"""Spiking neurons over [T, N, ...], in units of their threshold, all time steps in one fused function.

The dynamics are SpikingJelly's IFNode and LIFNode with the triangular surrogate of eq. 12 (γ = 1) on u/θ with threshold
1; what leaves the neuron is s·θ (eq. 3), so that a converted network equals its ANN in eval mode too. Fused by hand,
the step keeps one tensor for the backward pass instead of a handful.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.nets import kernels
from pipeline.nets.threshold import positive

# V_th of eq. 12; γ = 1 is written into the triangles.
V_TH = 1.0


@dataclass(frozen=True)
class Dynamics:
    """What sets the neurons apart: u(t) = decay · v(t-1) + x(t), reset to 0 (hard) or by subtraction, v(0)."""

    decay: float
    hard: bool
    start: float
    detach_reset: bool


class SpikingNeuron(nn.Module):
    """What IF and LIF share: the scaling by θ around a neuron with threshold 1.

    Args:
        dynamics: of the neuron.
        threshold: θ > 0.
        train_threshold: whether θ is a parameter; else it is a buffer.

    Shape: input current [T, N, ...], any float dtype; output s·θ float32, the same shape. Membrane in float32. Every
    pass starts from v(0), unless inside `membranes_kept`.
    """

    threshold: Tensor

    def __init__(self, dynamics: Dynamics, threshold: float, train_threshold: bool) -> None:
        super().__init__()
        if threshold <= 0:
            raise ValueError(f"threshold must be above 0, found {threshold}")
        self.dynamics = dynamics
        self.keeps = False
        self.membrane: Tensor | None = None
        value = torch.tensor(float(threshold))
        if train_threshold:
            self.threshold = nn.Parameter(value)
        else:
            self.register_buffer("threshold", value)

    def forward(self, current: Tensor) -> Tensor:
        start = self.membrane if self.keeps else None
        spikes, membrane = _Spike.apply(current, positive(self.threshold), start, self.dynamics)
        self.membrane = membrane if self.keeps else None
        return spikes

    def extra_repr(self) -> str:
        return f"threshold={self.threshold.item():.3g}"


class IF(SpikingNeuron):
    """Integrate-and-fire with soft reset and v(0) = θ/2 (eq. 3 and 4, Algorithm 1).

    Args:
        threshold: θ. train_threshold: whether it goes on learning.
        detach_reset: whether the gradient stops at the reset.
    """

    def __init__(self, threshold: float, train_threshold: bool = False, detach_reset: bool = False) -> None:
        dynamics = Dynamics(decay=1.0, hard=False, start=0.5, detach_reset=detach_reset)
        super().__init__(dynamics, threshold, train_threshold)


class LIF(SpikingNeuron):
    """Leaky integrate-and-fire of TET's VGG-SNN: u = v/2 + x, hard reset to 0, v(0) = 0.

    Args: as for IF.
    """

    def __init__(self, threshold: float = 1.0, train_threshold: bool = False, detach_reset: bool = False) -> None:
        dynamics = Dynamics(decay=0.5, hard=True, start=0.0, detach_reset=detach_reset)
        super().__init__(dynamics, threshold, train_threshold)


@contextmanager
def membranes_kept(net: nn.Module) -> Iterator[None]:
    """Let the neurons of a network go on from the membrane their last pass left, without gradient between passes."""
    neurons = [layer for layer in net.modules() if isinstance(layer, SpikingNeuron)]
    for neuron in neurons:
        neuron.keeps, neuron.membrane = True, None
    try:
        yield
    finally:
        for neuron in neurons:
            neuron.keeps, neuron.membrane = False, None


class _Spike(torch.autograd.Function):
    """All steps of a neuron; keeps u [T, N, ...] alone for the backward pass. The last membrane has no gradient."""

    @staticmethod
    def forward(
        ctx: Any, current: Tensor, threshold: Tensor, start: Tensor | None, dynamics: Dynamics
    ) -> tuple[Tensor, Tensor]:
        before = current.new_full((), dynamics.start, dtype=torch.float32) if start is None else start
        before = before.expand(current.shape[1:])
        u, out, v = (_compiled_forward if kernels.compiles(current) else _forward)(current, threshold, before, dynamics)
        ctx.save_for_backward(u, threshold, start)
        ctx.dynamics, ctx.dtype = dynamics, current.dtype
        ctx.mark_non_differentiable(v)
        # Else zeros would be made for the gradient that v has not.
        ctx.set_materialize_grads(False)
        return out, v

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        u, threshold, start = ctx.saved_tensors
        learns = ctx.needs_input_grad[1]
        run = _compiled_backward if kernels.compiles(u) else _backward
        grad = run(u, threshold, upstream[0], ctx.dynamics, torch.float32 if learns else ctx.dtype)
        if not learns:
            return grad, None, None, None
        fired = (u >= V_TH).float()
        after = u * (1 - fired) if ctx.dynamics.hard else u - fired
        first = torch.full_like(u[:1], ctx.dynamics.start) if start is None else start[None]
        # With u = x/θ + decay · v: du/dθ = -(x/θ)/θ, and grad is already divided by θ once.
        drive = u - ctx.dynamics.decay * torch.cat([first, after[:-1]])
        return grad.to(ctx.dtype), (upstream[0] * fired).sum() - (grad * drive).sum(), None, None


def _forward(current: Tensor, threshold: Tensor, start: Tensor, dynamics: Dynamics) -> tuple[Tensor, Tensor, Tensor]:
    """Run the neuron: u, s·θ and the last membrane. In place: memory, not arithmetic, is what costs time on a CPU."""
    u = torch.empty_like(current, dtype=torch.float32)
    out = torch.empty_like(u)
    v = start.clone(memory_format=torch.contiguous_format)
    for here, spikes, drive in zip(u, out, current, strict=True):
        # Divided first, as in QCFS: both must cross their levels at the same floats.
        here.copy_(drive).div_(threshold).add_(v, alpha=dynamics.decay)
        torch.ge(here, V_TH, out=spikes)
        if dynamics.hard:
            torch.addcmul(here, here, spikes, value=-1, out=v)
        else:
            torch.sub(here, spikes, out=v)
    return u, out.mul_(threshold), v


def _backward(u: Tensor, threshold: Tensor, upstream: Tensor, dynamics: Dynamics, dtype: torch.dtype) -> Tensor:
    """Give the gradient of the current from that of s·θ, in place as `_forward`."""
    grad = torch.empty_like(u, dtype=dtype)
    to_v = torch.zeros_like(u[0])
    one = u.new_ones(())
    for step in range(len(u) - 1, -1, -1):
        here, out = u[step], upstream[step]
        triangle = torch.sub(here, V_TH).abs_()
        # max(0, γ - |u - V_th|) / γ² with γ = 1.
        torch.sub(one, triangle, out=triangle).clamp_(min=0)
        to_spike = out * threshold
        if not dynamics.detach_reset:
            to_spike.addcmul_(to_v, here, value=-1) if dynamics.hard else to_spike.sub_(to_v)
        if dynamics.hard:
            # One fused kernel for: to_v where u < V_th.
            to_v = torch.ops.aten.hardtanh_backward(to_v, here, -math.inf, V_TH)
        to_v.addcmul_(to_spike, triangle)
        # to_v is now the gradient of u(t).
        grad[step].copy_(torch.div(to_v, threshold, out=to_spike))
        to_v.mul_(dynamics.decay)
    return grad


def _compiled_forward(
    current: Tensor, threshold: Tensor, start: Tensor, dynamics: Dynamics
) -> tuple[Tensor, Tensor, Tensor]:
    run = kernels.compiled(kernels.spikes)
    u, out, v = run(current.flatten(1), threshold, start.flatten(), dynamics.decay, dynamics.hard)
    return u.view(current.shape), out.view(current.shape), v.view(current.shape[1:])


def _compiled_backward(
    u: Tensor, threshold: Tensor, upstream: Tensor, dynamics: Dynamics, dtype: torch.dtype
) -> Tensor:
    run = kernels.compiled(kernels.spikes_backward)
    settings = dynamics.decay, dynamics.hard, dynamics.detach_reset, dtype
    grad: Tensor = run(u.flatten(1), threshold, upstream.flatten(1), *settings)
    return grad.view(u.shape)
