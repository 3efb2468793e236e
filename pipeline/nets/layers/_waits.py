"""What layers share that need all frames before they answer: they are bound to T and have no single steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from spikingjelly.activation_based import base, op_counter
from torch import Tensor, nn


class Waiting(nn.Module, base.MultiStepModule):
    """A layer over all T time steps.

    Args:
        steps: T, the number of time steps it is built for.

    Raises:
        ValueError: no step; or, where it is set, a single-step mode.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        if steps < 1:
            raise ValueError(f"steps must be above 0, found {steps}")
        self.steps = steps

    @property
    def step_mode(self) -> str:
        return "m"

    @step_mode.setter
    def step_mode(self, value: str) -> None:
        if value != "m":
            raise ValueError(
                f"step_mode {value!r}: {type(self).__name__} needs all {self.steps} frames before it answers, so the "
                "network has no single steps; show it whole recordings"
            )

    def check_steps(self, x: Tensor) -> None:
        """Raise ValueError where x [T, ...] has another number of time steps than the layer was built for."""
        if len(x) != self.steps:
            raise ValueError(
                f"{type(self).__name__} was built for {self.steps} time steps and mixes all of them, found {len(x)}; a "
                f"network with it learns and answers in {self.steps} steps only (recipes.*.steps)"
            )

    def extra_repr(self) -> str:
        return f"steps={self.steps}"


def products(run: Callable[[Tensor], object], x: Tensor) -> int:
    """Return the multiply-accumulates of the layers with weights that run on x."""
    macs = op_counter.MACCounter()
    with torch.autocast(x.device.type, enabled=False), op_counter.DispatchCounterMode([macs]):
        run(x.float())
    return int(macs.get_total())
