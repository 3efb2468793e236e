"""Convolutions of spikes with weights of 8 bits, for inference on a CPU.

What a spiking neuron or a QCFS sends is a whole number of its unit (θ, or λ/L), also behind an average pool (of k x k:
of a k²-th of it). In 8 bits that is exact. Weights are rounded to 8 bits with a scale for each output channel, sums are
whole numbers, and what leaves a convolution is float32. Only the weights' rounding is lost.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from spikingjelly.activation_based import base, layer, neuron
from torch import Tensor, nn

from pipeline.nets.layers._spiking import FusedNeuron
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.threshold import positive

# Whole numbers of 8 bits: of what enters without a sign, of weights with one.
LARGEST, LARGEST_WEIGHT = 255, 127
# Nodes that send 0 or 1, ours times θ where they are `scaled`; what hands on what enters it, or some of it.
NODES = (neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode)
PASSING = (nn.MaxPool2d, nn.Identity, nn.Dropout)


class Counted(NamedTuple):
    """Tensors of whole numbers, 0 to `most`, of a unit."""

    unit: float
    most: int


class Int8Conv2d(nn.Module, base.StepModule):  # type: ignore[misc]
    """A convolution whose inputs are whole numbers of `unit`, up to 255 of them; more are cut.

    Shape: [T, N, C, H, W] (step mode "s": [N, C, H, W]), any float dtype; output float32.
    """

    def __init__(self, conv: nn.Conv2d, unit: float) -> None:
        super().__init__()
        self.step_mode = getattr(conv, "step_mode", "s")
        self.unit = unit
        weight = conv.weight.detach().float()
        # A channel of zeros stays one.
        self.scale = (weight.abs().amax((1, 2, 3)) / LARGEST_WEIGHT).clamp(min=torch.finfo(torch.float32).tiny)
        whole = weight.div(self.scale.view(-1, 1, 1, 1)).round_().to(torch.int8)
        self.shape = (list(conv.stride), list(conv.padding), list(conv.dilation), conv.groups)
        self.zeros = torch.zeros_like(self.scale, dtype=torch.int32)
        self.bias = None if conv.bias is None else conv.bias.detach().float()
        laid = whole.contiguous(memory_format=torch.channels_last)
        self.weight = torch.ops.onednn.qconv_prepack(laid, self.scale, unit, 0, *self.shape, None)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(0, 1) if self.step_mode == "m" else x
        # Rounded by cutting behind + 1/2, since nothing is below 0.
        counts = flat.float().mul(1 / self.unit).add_(0.5).clamp_(max=LARGEST).to(torch.uint8)
        weight = (self.weight, self.scale, self.zeros, self.bias)
        # What leaves: float32, not scaled, no operation behind it.
        leaves = (1.0, 0, torch.float32, "none", [], "")  # type: ignore[var-annotated]
        out: Tensor = torch.ops.onednn.qconv_pointwise(counts, self.unit, 0, *weight, *self.shape, *leaves)
        return out.unflatten(0, x.shape[:2]) if self.step_mode == "m" else out


@torch.no_grad()
def in_int8(net: nn.Module) -> nn.Module:
    """Replace, in a network for inference (`folded`), the convolutions whose inputs are whole numbers of a unit.

    Those are, in an nn.Sequential, convolutions behind a spiking neuron that sends spikes, or a QCFS, and average pools
    between them. All else stays as it is: the first convolution, which sees counts of events, what follows a sum of
    branches, and linear layers.
    """
    for row in [module for module in net.modules() if isinstance(module, nn.Sequential)]:
        counted: Counted | None = None
        for name, module in list(row._modules.items()):
            if counted is not None and isinstance(module, nn.Conv2d) and _fits(module):
                setattr(row, name, Int8Conv2d(module, counted.unit))
            counted = _behind(module, counted)
            if counted is not None and counted.most > LARGEST:
                counted = None
    return net


def _fits(conv: nn.Conv2d) -> bool:
    return not isinstance(conv, layer.WSConv2d) and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)


def _behind(module: nn.Module | None, entered: Counted | None) -> Counted | None:
    """Return what leaves a module, given what enters it; None where it is no whole number of anything."""
    if isinstance(module, QCFS):
        return Counted(module.positive_threshold().item() / module.levels, module.levels)
    if isinstance(module, FusedNeuron):
        return Counted(positive(module.threshold).item(), 1)
    if isinstance(module, NODES):
        return Counted(module.v_threshold if getattr(module, "scaled", False) else 1.0, 1)
    if isinstance(module, nn.AvgPool2d) and entered is not None and _averages_whole_windows(module):
        side = module.kernel_size
        pixels = side[0] * side[1] if isinstance(side, tuple) else side**2
        return Counted(entered.unit / pixels, entered.most * pixels)
    return entered if isinstance(module, PASSING) else None


def _averages_whole_windows(pool: nn.AvgPool2d) -> bool:
    return pool.divisor_override is None and not pool.ceil_mode and pool.padding in (0, (0, 0))
