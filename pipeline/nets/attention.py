"""Temporal-channel joint attention (TCJA; Zhu et al., arXiv 2206.10177): spikes weighed by time step and channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class TCJA(nn.Module):
    """y = x · σ(conv over channels of each step × conv over steps of each channel), of x averaged over space.

    One convolution runs along the channels and mixes all time steps, the other along the time steps and mixes all
    channels, so the layer is bound to its number of time steps.

    Args:
        steps: T, the number of time steps it is built for.
        channels: C.
        kernel_t: width of the convolution that mixes the steps (it runs along the channels, as in the authors' code).
        kernel_c: width of the convolution that mixes the channels (it runs along the steps).

    Shape: [T, N, H, W, C] -> the same, float32; channels last, as FrameNet hands sequences of maps to its layers.

    Raises:
        ValueError: another number of time steps than it was built for, or no step, channel or width.
    """

    def __init__(self, steps: int, channels: int, kernel_t: int, kernel_c: int) -> None:
        super().__init__()
        if min(steps, channels, kernel_t, kernel_c) < 1:
            given = f"{steps}, {channels}, {kernel_t}, {kernel_c}"
            raise ValueError(f"steps, channels and kernels must be above 0, found {given}")
        self.steps = steps
        self.over_steps = nn.Conv1d(steps, steps, kernel_t, bias=False)
        self.over_channels = nn.Conv1d(channels, channels, kernel_c, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weights(x)

    def weights(self, x: Tensor) -> Tensor:
        """Give the attention, 0 to 1: [T, N, H, W, C] -> [T, N, 1, 1, C]."""
        if len(x) != self.steps:
            raise ValueError(
                f"TCJA was built for {self.steps} time steps and mixes all of them, found {len(x)}; a network with it "
                f"learns and answers in {self.steps} steps only (recipes.*.steps)"
            )
        mean = x.float().mean((2, 3)).transpose(0, 1)  # [N, T, C]
        by_step = _same(self.over_steps, mean)
        by_channel = _same(self.over_channels, mean.transpose(1, 2)).transpose(1, 2)
        return torch.sigmoid(by_step.float() * by_channel.float()).transpose(0, 1)[:, :, None, None]

    def extra_repr(self) -> str:
        return f"steps={self.steps}"


def _same(convolution: nn.Conv1d, x: Tensor) -> Tensor:
    """Pad to equal length; an even width is padded one more on the right."""
    width = convolution.kernel_size[0] - 1
    return convolution(functional.pad(x, (width // 2, width - width // 2)))
