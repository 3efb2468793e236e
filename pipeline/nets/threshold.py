"""Thresholds that stay above 0 whatever the optimiser does to them."""

from __future__ import annotations

from torch import Tensor

# What is used never falls below this.
SMALLEST_THRESHOLD = 1e-3


def positive(parameter: Tensor) -> Tensor:
    """Return a scalar threshold guarded to at least SMALLEST_THRESHOLD; its gradient passes on unchanged."""
    value = parameter.detach()
    # The difference is exactly 0 and carries the gradient.
    return value.clamp(min=SMALLEST_THRESHOLD) + (parameter - value)
