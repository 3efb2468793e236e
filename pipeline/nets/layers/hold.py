"""One answer for all time steps: the end of a network that shrinks its steps (SSNN; Ding et al., AAAI 2024)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from pipeline.config.base import Group
from pipeline.nets.layers._waits import Waiting

# The answer at a step hangs on all frames.
CAUSAL = False


class Options(Group):
    """It has none."""

    kind: Literal["hold"] = "hold"


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the layer for so many steps.

    Raises:
        ValueError: it is not known how many.
    """
    del options, channels
    if steps is None:
        raise ValueError("hold is bound to its steps, found None")
    return Hold(steps)


class Hold(Waiting):
    """The mean over the steps there are, repeated at each of T steps: [any, N, ...] -> [T, N, ...].

    So the mean over T steps, which is the network's answer, is that of the steps there are. No single-step mode.

    Args:
        steps: T.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(0, keepdim=True).repeat(self.steps, *[1] * (x.dim() - 1))
