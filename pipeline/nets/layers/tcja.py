"""Temporal-channel joint attention (TCJA; Zhu et al., arXiv 2206.10177): spikes weighed by time step and channel."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.config.base import Count, Group
from pipeline.nets.layers._waits import Waiting, products

# The answer at a step hangs on all frames.
CAUSAL = False


class Options(Group):
    """The widths of the two convolutions; see TCJA."""

    kind: Literal["tcja"] = "tcja"
    kernel_t: Count = 4
    kernel_c: Count = 4


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the layer for maps of so many channels over so many steps.

    Raises:
        ValueError: it is not known how many.
    """
    if channels is None or steps is None:
        raise ValueError(f"attention is bound to its channels and steps, found {channels} and {steps}")
    return TCJA(steps, channels, options.kernel_t, options.kernel_c)


class TCJA(Waiting):
    """y = x · σ(conv over channels of each step × conv over steps of each channel), of x averaged over space.

    One convolution runs along the channels and mixes all time steps, the other along the time steps and mixes all
    channels, so the layer is bound to its number of time steps.

    Args:
        steps: T, the number of time steps it is built for.
        channels: C.
        kernel_t: width of the convolution that mixes the steps (it runs along the channels, as in the authors' code).
        kernel_c: width of the convolution that mixes the channels (it runs along the steps).

    Shape: [T, N, C, H, W] -> the same. It has no single-step mode.

    Raises:
        ValueError: another number of time steps than it was built for, or no step, channel or width.
    """

    def __init__(self, steps: int, channels: int, kernel_t: int, kernel_c: int) -> None:
        super().__init__(steps)
        if min(steps, channels, kernel_t, kernel_c) < 1:
            given = f"{steps}, {channels}, {kernel_t}, {kernel_c}"
            raise ValueError(f"steps, channels and kernels must be above 0, found {given}")
        self.over_steps = nn.Conv1d(steps, steps, kernel_t, bias=False)
        self.over_channels = nn.Conv1d(channels, channels, kernel_c, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weights(x)

    def weights(self, x: Tensor) -> Tensor:
        """Return the attention, 0 to 1: [T, N, C, H, W] -> [T, N, C, 1, 1]."""
        self.check_steps(x)
        mean = x.float().mean((3, 4)).transpose(0, 1)  # [N, T, C]
        by_step = _same(self.over_steps, mean)
        by_channel = _same(self.over_channels, mean.transpose(1, 2)).transpose(1, 2)
        return torch.sigmoid(by_step.float() * by_channel.float()).transpose(0, 1)[..., None, None]

    def operations(self, x: Tensor) -> int:
        """Return the multiply-accumulates of both convolutions, and one for each spike of x that is weighed."""
        return products(self.weights, x) + int(torch.count_nonzero(x))


def _same(convolution: nn.Conv1d, x: Tensor) -> Tensor:
    """Pad to equal length; an even width is padded one more on the right."""
    width = convolution.kernel_size[0] - 1
    return convolution(functional.pad(x, (width // 2, width - width // 2)))
