"""Temporal-wise attention (TA-SNN; Yao et al., ICCV 2021): the currents of a layer weighed by time step."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.config.base import Count, Group
from pipeline.nets.layers._waits import Waiting, products

# The answer at a step hangs on all frames.
CAUSAL = False
# It weighs what enters a neuron.
BEFORE = True


class Options(Group):
    """`reduction`: r, by which the T steps are divided inside; one unit at least is left."""

    kind: Literal["ta"] = "ta"
    reduction: Count = 5


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the layer for so many steps.

    Raises:
        ValueError: it is not known how many.
    """
    del channels
    if steps is None:
        raise ValueError("attention is bound to its steps, found None")
    return TA(steps, options.reduction)


class TA(Waiting):
    """y(t) = d(t) · x(t) with d = σ(W₂ · relu(W₁ · z)), where z(t) is the mean of x(t) and both W have biases.

    Not SpikingJelly's TemporalWiseAttention, which is MA-SNN's: it looks at the maxima too, and has no biases.

    Args:
        steps: T, the number of time steps it is built for.
        reduction: r; W₁ has ⌊T/r⌋ rows, one at least.

    Shape: [T, N, ...] -> the same; N is by itself. It has no single-step mode.

    Raises:
        ValueError: another number of time steps than it was built for.
    """

    def __init__(self, steps: int, reduction: int) -> None:
        super().__init__(steps)
        hidden = max(1, steps // reduction)
        self.squeeze = nn.Linear(steps, hidden)
        self.excite = nn.Linear(hidden, steps)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weights(x).view(*x.shape[:2], *[1] * (x.dim() - 2))

    def weights(self, x: Tensor) -> Tensor:
        """Return d, 0 to 1, float32: [T, N, ...] -> [T, N]."""
        self.check_steps(x)
        mean = x.float().flatten(2).mean(2).t()
        return torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))).float()).t()

    def operations(self, x: Tensor) -> int:
        """Return the multiply-accumulates of both W, and one for each value that is weighed."""
        return products(self.weights, x) + x.numel()
