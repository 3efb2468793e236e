"""The elementwise work of the activations as pure functions, for torch.compile: on CUDA each becomes one kernel.

Same arithmetic as the in-place forms in layers/_spiking.py and layers/qcfs.py, which need no compiler and are used on
the CPU.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

# Variants of one function that may be compiled in one process: each T, precision and kind of neuron is one. At the
# default limit of 8 the ninth is an error.
VARIANTS = 64
# Options of torch.compile, by their names over the versions. Divisions rounded as eager's: neuron and QCFS must cross
# their levels at the same floats, wherever they run. No sum's order chosen by timing: runs must be equal.
EXACT_DIVISION = ("eager_numerics.division_rounding", "emulate_division_rounding")
REPEATABLE = ("deterministic",)


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
    u: Tensor,
    threshold: Tensor,
    upstream: Tensor,
    to_last: Tensor | None,
    decay: float,
    hard: bool,
    detach_reset: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Return the gradients of the current [T, M] and of the start [M], by the triangle of eq. 12 (γ = V_th = 1).

    Args:
        upstream: gradient of s·θ [T, M]. to_last: that of the membrane after the last step [M], None for 0.
    """
    to_v = torch.zeros_like(u[0]) if to_last is None else to_last
    gradients = []
    for here, out in zip(reversed(u.unbind()), reversed(upstream.unbind()), strict=True):
        triangle = (1.0 - (here - 1.0).abs()).clamp(min=0)
        to_spike = out * threshold
        if not detach_reset:
            to_spike = to_spike - (to_v * here if hard else to_v)
        to_u = (torch.where(here < 1.0, to_v, 0.0) if hard else to_v) + to_spike * triangle
        gradients.append((to_u / threshold).to(dtype))
        to_v = to_u * decay
    return torch.stack(gradients[::-1]), to_v


def quantise(z: Tensor, threshold: Tensor, levels: int) -> Tensor:
    """Return λ/L · clip(⌊zL/λ + 1/2⌋, 0, L)."""
    return (z.float() / threshold * levels + 0.5).floor().clamp(0, levels) * (threshold / levels)


def quantise_backward(
    z: Tensor, threshold: Tensor, upstream: Tensor, levels: int, clamp: bool
) -> tuple[Tensor, Tensor]:
    """Return the gradients of z and of λ; see QCFS."""
    level = (z / threshold * levels + 0.5).floor()
    passes = (z >= 0) & (z <= threshold) if clamp else (level >= 0) & (level <= levels)
    grad_z = torch.where(passes, upstream, 0.0)
    grad_threshold = (level.clamp(0, levels) * upstream).sum() / levels - (grad_z * z).sum() / threshold
    return grad_z, grad_threshold


def compiles(x: Tensor) -> bool:
    """Return whether the compiled forms are used for a tensor: on CUDA, where Triton is there."""
    return x.is_cuda and _has_triton()


def dense(x: Tensor) -> Tensor:
    """See maps [..., C, H, W] of four or more axes as [..., H, W, C], their dense order: flattening copies nothing."""
    return x.movedim(-3, -1) if x.dim() > 3 else x


def undense(x: Tensor) -> Tensor:
    """See maps [..., H, W, C] of four or more axes as [..., C, H, W]."""
    return x.movedim(-1, -3) if x.dim() > 3 else x


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile one of these functions, once a process; the length of its last axis may vary."""
    # Here, for they take a second to load.
    import torch._dynamo
    import torch._inductor

    known = torch._inductor.list_options()
    options = [next((key for key in keys if key in known), None) for keys in (EXACT_DIVISION, REPEATABLE)]
    if None in options:
        warnings.warn(
            f"torch {torch.__version__} has none of {EXACT_DIVISION + REPEATABLE}: results may vary", stacklevel=2
        )
    made = torch.compile(function, fullgraph=True, options={key: True for key in options if key})

    def run(*arguments: Any) -> Any:
        # Set at each call, for the setting is each thread's own and backward passes run in another.
        torch._dynamo.config.recompile_limit = VARIANTS
        return made(*arguments)

    return run


@cache
def _has_triton() -> bool:
    from torch.utils._triton import has_triton

    if not has_triton():
        warnings.warn("no Triton for this torch: neurons and QCFS run uncompiled on the GPU, slower", stacklevel=2)
        return False
    return True
