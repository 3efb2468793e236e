"""The elementwise work of the activations as pure functions, for torch.compile: on CUDA each becomes one kernel.

Same arithmetic as the in-place forms in neurons.py and qcfs.py, which need no compiler and are used on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

# Variants of one function that may be compiled in one process.
VARIANTS = 64


def spikes(
    current: Tensor, threshold: Tensor, start: Tensor, decay: float, hard: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Run a neuron with threshold 1 on current/θ over all steps.

    Args:
        current: [T, M]. start: the membrane before the first step [M].

    Returns:
        u float32 [T, M], s·θ float32 [T, M], and the membrane after the last step [M].
    """
    v = start
    membranes, outputs = [], []
    for drive in current.unbind():
        u = drive.float() / threshold + decay * v
        fired = (u >= 1.0).float()
        v = u - u * fired if hard else u - fired
        membranes.append(u)
        outputs.append(fired * threshold)
    return torch.stack(membranes), torch.stack(outputs), v


def spikes_backward(
    u: Tensor, threshold: Tensor, upstream: Tensor, decay: float, hard: bool, detach_reset: bool, dtype: torch.dtype
) -> Tensor:
    """Give the gradient of the current [T, M] from that of s·θ, by the triangle of eq. 12 (γ = V_th = 1)."""
    to_v = torch.zeros_like(u[0])
    gradients = []
    for here, out in zip(reversed(u.unbind()), reversed(upstream.unbind()), strict=True):
        triangle = (1.0 - (here - 1.0).abs()).clamp(min=0)
        to_spike = out * threshold
        if not detach_reset:
            to_spike = to_spike - (to_v * here if hard else to_v)
        to_u = (torch.where(here < 1.0, to_v, 0.0) if hard else to_v) + to_spike * triangle
        gradients.append((to_u / threshold).to(dtype))
        to_v = to_u * decay
    return torch.stack(gradients[::-1])


def quantise(z: Tensor, threshold: Tensor, levels: int) -> Tensor:
    """Give λ/L · clip(⌊zL/λ + 1/2⌋, 0, L)."""
    return (z.float() / threshold * levels + 0.5).floor().clamp(0, levels) * (threshold / levels)


def quantise_backward(
    z: Tensor, threshold: Tensor, upstream: Tensor, levels: int, clamp: bool
) -> tuple[Tensor, Tensor]:
    """Give the gradients of z and of λ; see QCFS."""
    level = (z / threshold * levels + 0.5).floor()
    passes = (z >= 0) & (z <= threshold) if clamp else (level >= 0) & (level <= levels)
    grad_z = torch.where(passes, upstream, 0.0)
    grad_threshold = (level.clamp(0, levels) * upstream).sum() / levels - (grad_z * z).sum() / threshold
    return grad_z, grad_threshold


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile one of these functions, once a process; the length of its last axis may vary."""
    # Here, for they take a second to load.
    import torch._dynamo
    import torch._inductor

    # Each T, precision and kind of neuron is a variant of its own; at the default limit of 8 the ninth is an error.
    torch._dynamo.config.recompile_limit = max(VARIANTS, torch._dynamo.config.recompile_limit)
    # Divisions rounded as eager's: neuron and QCFS must cross their levels at the same floats, wherever they run.
    known = torch._inductor.list_options()
    exact = [key for key in ("eager_numerics.division_rounding", "emulate_division_rounding") if key in known]
    return torch.compile(function, fullgraph=True, options=dict.fromkeys(exact, True))  # type: ignore[no-any-return]
