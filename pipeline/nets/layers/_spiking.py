"""The fused spiking neuron over [T, N, ...], in units of its threshold, all time steps in one function.

The dynamics are SpikingJelly's IFNode and LIFNode with the triangular surrogate of eq. 12 (γ = 1) on u/θ with threshold
1; what leaves the neuron is s·θ (eq. 3), so that a converted network equals its ANN in eval mode too. Fused by hand,
the step keeps one tensor for the backward pass instead of a handful.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from spikingjelly.activation_based import base
from torch import Tensor, nn

from pipeline.nets import kernels
from pipeline.nets.threshold import positive

# V_th of eq. 12; γ = 1 is written into the triangles.
V_TH = 1.0


@dataclass(frozen=True)
class Dynamics:
    """What sets the neurons apart: u(t) = decay · v(t-1) + x(t), reset to 0 (hard) or by subtraction."""

    decay: float
    hard: bool
    detach_reset: bool


class FusedNeuron(base.MemoryModule):
    """A neuron with threshold 1 and the scaling by θ around it.

    Args:
        dynamics: of the neuron.
        start: v(0), a share of θ.
        threshold: θ > 0.
        train_threshold: whether θ is a parameter; else it is a buffer.

    Shape: input current [T, N, ...] (step mode "s": [N, ...]), any float dtype; output s·θ float32, the same shape.

    The membrane `v`, float32 [N, ...] in units of θ, is carried from call to call, with its gradient, until
    `functional.reset_net`; `functional.detach_net` cuts the gradient.

    Raises:
        ValueError: θ is not above 0, or the carried membrane is of another shape.
    """

    threshold: Tensor
    v: Tensor | float

    def __init__(self, dynamics: Dynamics, start: float, threshold: float, train_threshold: bool) -> None:
        super().__init__()
        if threshold <= 0:
            raise ValueError(f"threshold must be above 0, found {threshold}")
        self.dynamics = dynamics
        self.step_mode = "m"
        self.register_memory("v", float(start))
        value = torch.tensor(float(threshold))
        if train_threshold:
            self.threshold = nn.Parameter(value)
        else:
            self.register_buffer("threshold", value)

    def multi_step_forward(self, current: Tensor) -> Tensor:
        start, first = (self.v, 0.0) if isinstance(self.v, Tensor) else (None, self.v)
        check_membrane(start, current.shape[1:])
        spikes, self.v = _Spike.apply(current, positive(self.threshold), start, first, self.dynamics)
        return spikes

    def single_step_forward(self, current: Tensor) -> Tensor:
        return self.multi_step_forward(current[None])[0]

    def spikes(self, out: Tensor) -> Tensor:
        """Return the number of spikes that an output stands for."""
        return (out != 0).float()

    def detach(self) -> None:
        """Cut the membrane's gradient."""
        if isinstance(self.v, Tensor):
            self.v = self.v.detach()

    def extra_repr(self) -> str:
        return f"threshold={self.threshold.item():.3g}, step_mode={self.step_mode}"


def check_membrane(v: Tensor | float | None, shape: torch.Size) -> None:
    """Raise ValueError where a membrane of other recordings is still there, whose shape is not that of the input."""
    if isinstance(v, Tensor) and v.shape != shape:
        raise ValueError(
            f"the membrane is of {tuple(v.shape)}, the input of {tuple(shape)}; call "
            "functional.reset_net(net) before other recordings"
        )


class _Spike(torch.autograd.Function):
    """All steps of a neuron; keeps u [T, N, ...] alone for the backward pass.

    `start` is the membrane before the first step, or None where it is the number `first` everywhere.
    """

    @staticmethod
    def forward(
        ctx: Any, current: Tensor, threshold: Tensor, start: Tensor | None, first: float, dynamics: Dynamics
    ) -> tuple[Tensor, Tensor]:
        before = current.new_full((), first, dtype=torch.float32) if start is None else start
        before = before.expand(current.shape[1:])
        u, out, v = (_compiled_forward if kernels.compiles(current) else _forward)(current, threshold, before, dynamics)
        ctx.save_for_backward(u, threshold, start)
        ctx.first, ctx.dynamics, ctx.dtype = first, dynamics, current.dtype
        # Else zeros would be made for the gradient of v, which seldom has one.
        ctx.set_materialize_grads(False)
        return out, v

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor | None) -> tuple[Tensor | None, ...]:
        u, threshold, start = ctx.saved_tensors
        to_out = torch.zeros_like(u) if upstream[0] is None else upstream[0]
        learns = ctx.needs_input_grad[1]
        run = _compiled_backward if kernels.compiles(u) else _backward
        dtype = torch.float32 if learns else ctx.dtype
        grad, before = run(u, threshold, to_out, upstream[1], ctx.dynamics, dtype)
        to_start = before if ctx.needs_input_grad[2] else None
        if not learns:
            return grad, None, to_start, None, None
        fired = (u >= V_TH).float()
        after = u * (1 - fired) if ctx.dynamics.hard else u - fired
        first = torch.full_like(u[:1], ctx.first) if start is None else start[None]
        # With u = x/θ + decay · v: du/dθ = -(x/θ)/θ, and grad is already divided by θ once.
        drive = u - ctx.dynamics.decay * torch.cat([first, after[:-1]])
        return grad.to(ctx.dtype), (to_out * fired).sum() - (grad * drive).sum(), to_start, None, None


def _forward(current: Tensor, threshold: Tensor, start: Tensor, dynamics: Dynamics) -> tuple[Tensor, Tensor, Tensor]:
    """Run the neuron: u, s·θ and the last membrane. In place: memory, not arithmetic, is what costs time on a CPU."""
    u = torch.empty_like(current, dtype=torch.float32)
    out = torch.empty_like(u)
    # Laid out as the steps are, so that each operation is one run through memory.
    v = torch.empty_like(u[0]).copy_(start)
    for here, spikes, drive in zip(u, out, current, strict=True):
        # Divided first, as in QCFS: both must cross their levels at the same floats.
        here.copy_(drive).div_(threshold).add_(v, alpha=dynamics.decay)
        torch.ge(here, V_TH, out=spikes)
        if dynamics.hard:
            torch.addcmul(here, here, spikes, value=-1, out=v)
        else:
            torch.sub(here, spikes, out=v)
    return u, out.mul_(threshold), v


def _backward(
    u: Tensor, threshold: Tensor, upstream: Tensor, to_last: Tensor | None, dynamics: Dynamics, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the current and of the start from those of s·θ and of the last membrane, in place."""
    grad = torch.empty_like(u, dtype=dtype)
    to_v = torch.zeros_like(u[0]) if to_last is None else torch.empty_like(u[0]).copy_(to_last)
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
    return grad, to_v


def _compiled_forward(
    current: Tensor, threshold: Tensor, start: Tensor, dynamics: Dynamics
) -> tuple[Tensor, Tensor, Tensor]:
    dense = kernels.dense(current)
    run = kernels.compiled(kernels.spikes)
    before = kernels.dense(start[None]).flatten()
    u, out, v = run(dense.flatten(1), threshold, before, dynamics.decay, dynamics.hard)
    last = kernels.undense(v.view(1, *dense.shape[1:]))[0]
    return kernels.undense(u.view(dense.shape)), kernels.undense(out.view(dense.shape)), last


def _compiled_backward(
    u: Tensor, threshold: Tensor, upstream: Tensor, to_last: Tensor | None, dynamics: Dynamics, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    dense = kernels.dense(u)
    run = kernels.compiled(kernels.spikes_backward)
    last = None if to_last is None else kernels.dense(to_last[None]).flatten()
    settings = dynamics.decay, dynamics.hard, dynamics.detach_reset, dtype
    grad, to_start = run(dense.flatten(1), threshold, kernels.dense(upstream).flatten(1), last, *settings)
    return kernels.undense(grad.view(dense.shape)), kernels.undense(to_start.view(1, *dense.shape[1:]))[0]
