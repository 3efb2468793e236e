"""Multi-dimensional attention (MA-SNN; Yao et al., TPAMI 2023): currents weighed by time step, channel and place.

The layers are SpikingJelly's. Before the neurons of linear layers, which have no maps, there is the attention over time
alone.
"""

from __future__ import annotations

from typing import Literal

from spikingjelly.activation_based import layer
from torch import Tensor, nn

from pipeline.config.base import Count, Group
from pipeline.nets.layers._waits import Waiting, products

# The answer at a step hangs on all frames.
CAUSAL = False
# It weighs what enters a neuron.
BEFORE = True


class Options(Group):
    """By how much steps and channels are divided inside, one unit at least is left; width of the spatial convolution.

    The defaults are the authors' on CIFAR10-DVS.
    """

    kind: Literal["ma"] = "ma"
    reduction_t: Count = 2
    reduction_c: Count = 8
    kernel: Literal[3, 7] = 3


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the layer for maps of so many channels, or for the units of a linear layer (None), over so many steps.

    Raises:
        ValueError: it is not known how many steps.
    """
    if steps is None:
        raise ValueError("attention is bound to its steps, found None")
    return MA(steps, channels, options)


class MA(Waiting):
    """relu of x weighed by time step, then by channel, then by place; each weight is a σ of means and maxima of x.

    Args:
        steps: T, the number of time steps it is built for.
        channels: C of maps; None for the units of a linear layer.

    Shape: [T, N, C, H, W] or, without channels, [T, N, C] -> the same; N is by itself. It has no single-step mode.

    Raises:
        ValueError: another number of time steps than it was built for.
    """

    def __init__(self, steps: int, channels: int | None, options: Options) -> None:
        super().__init__(steps)
        count, maps = channels or 1, channels is not None
        self.weigh = layer.MultiDimensionalAttention(
            steps, count, min(options.reduction_t, steps), min(options.reduction_c, count), options.kernel,
            use_channel=maps, use_spatial=maps,
        )  # fmt: skip
        self.weights_of_a_value = 3 if maps else 1

    def forward(self, x: Tensor) -> Tensor:
        self.check_steps(x)
        # Units are maps of one pixel.
        out: Tensor = self.weigh(x[..., None, None] if x.dim() == 3 else x)
        return out.reshape(x.shape)

    def operations(self, x: Tensor) -> int:
        """Return the multiply-accumulates of the layers with weights, and those of each value with its weights."""
        return products(self, x) + self.weights_of_a_value * x.numel()
