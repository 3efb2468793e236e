"""Quantisation clip-floor-shift, the activation that an integrate-and-fire neuron can take over (eq. 8)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from pipeline.config.base import Count, Group, Positive
from pipeline.nets import kernels
from pipeline.nets.threshold import positive

GRADIENTS = ("floor", "clamp")


class Options(Group):
    """Levels L, the threshold λ at the start, and the gradient to z; see QCFS."""

    kind: Literal["qcfs"] = "qcfs"
    levels: Count
    threshold: Positive = 8.0
    gradient: Literal["floor", "clamp"] = "floor"


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the activation."""
    del channels, steps
    return QCFS(options.levels, options.threshold, options.gradient)


class QCFS(nn.Module):
    """a = λ/L · clip(⌊zL/λ + 1/2⌋, 0, L), with a trainable threshold λ and a straight-through floor (eq. 8).

    Args:
        levels: L, the number of quantisation steps.
        threshold: λ at the start; one scalar for the layer. What is used is max(λ, 1e-3); the gradient passes to λ
            all the same, so that a threshold pushed below can come back.
        gradient: "floor": clip(floor(.)), the gradient to z is 1 for -λ/2L <= z < λ + λ/2L; "clamp": floor(clip(.)),
            1 for 0 <= z <= λ (the second release of QCFS). The output is the same.

    Shape: any, float32 inside; the output has the input's shape and dtype float32.
    """

    def __init__(self, levels: int, threshold: float = 8.0, gradient: str = "floor") -> None:
        super().__init__()
        if levels < 1:
            raise ValueError(f"levels must be at least 1, found {levels}")
        if threshold <= 0:
            raise ValueError(f"threshold must be above 0, found {threshold}")
        if gradient not in GRADIENTS:
            raise ValueError(f"gradient must be one of {GRADIENTS}, found {gradient!r}")
        self.levels = levels
        self.gradient = gradient
        self.threshold = nn.Parameter(torch.tensor(float(threshold)))

    def positive_threshold(self) -> Tensor:
        """Return λ guarded to stay above 0, as a scalar that passes its gradient on unchanged."""
        return positive(self.threshold)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = _Quantise.apply(z.float(), self.positive_threshold(), self.levels, self.gradient == "clamp")
        return out

    def extra_repr(self) -> str:
        return f"levels={self.levels}, threshold={self.threshold.item():.3g}, gradient={self.gradient}"


class _Quantise(torch.autograd.Function):
    """Forward and backward in one function: keeps z alone for the backward pass instead of five intermediates."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, threshold: Tensor, levels: int, clamp: bool) -> Tensor:
        ctx.save_for_backward(z, threshold)
        ctx.levels, ctx.clamp = levels, clamp
        if kernels.compiles(z):
            return _compiled_forward(z, threshold, levels)
        return _level(z, threshold, levels).mul_(threshold / levels)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = upstream
        z, threshold = ctx.saved_tensors
        if kernels.compiles(z):
            return *_compiled_backward(z, threshold, grad, ctx.levels, ctx.clamp), None, None
        level = z.div(threshold).mul_(ctx.levels).add_(0.5).floor_()
        if ctx.clamp:
            grad_z = grad * ((z >= 0) & (z <= threshold))
        else:
            # One fused kernel for: grad where 0 <= level <= L. Its bounds are exclusive, the level is whole.
            grad_z = torch.ops.aten.hardtanh_backward(grad, level, -0.5, ctx.levels + 0.5)
        # a = λ q / L with q the level, and dq/dλ = -zL/λ² where z passes: da/dλ = q/L - [where z passes] z/λ.
        grad_threshold = None
        if ctx.needs_input_grad[1]:
            level.clamp_(0, ctx.levels).mul_(grad)
            grad_threshold = level.sum() / ctx.levels - (grad_z * z).sum() / threshold
        return grad_z, grad_threshold, None, None


def _level(z: Tensor, threshold: Tensor, levels: int) -> Tensor:
    # Divided first: the neuron, too, sees z / threshold, and must cross its levels at the same floats.
    return z.div(threshold).mul_(levels).add_(0.5).floor_().clamp_(0, levels)


def _compiled_forward(z: Tensor, threshold: Tensor, levels: int) -> Tensor:
    dense = kernels.dense(z)
    out: Tensor = kernels.compiled(kernels.quantise)(dense.flatten(), threshold, levels)
    return kernels.undense(out.view(dense.shape))


def _compiled_backward(z: Tensor, threshold: Tensor, grad: Tensor, levels: int, clamp: bool) -> tuple[Tensor, Tensor]:
    dense = kernels.dense(z)
    run = kernels.compiled(kernels.quantise_backward)
    grad_z, grad_threshold = run(dense.flatten(), threshold, kernels.dense(grad).flatten(), levels, clamp)
    return kernels.undense(grad_z.view(dense.shape)), grad_threshold
