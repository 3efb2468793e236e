"""Batch norm folded into the convolution or linear layer before it, for inference."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import torch
from spikingjelly.activation_based import layer
from torch import nn

from pipeline.nets.tree import duplicate, leaves

STANDARDISED = (layer.WSConv2d, layer.WSLinear)
# Which norms may follow which layers, in the axes that both see.
PAIRS = (
    (nn.Conv2d, (nn.BatchNorm2d, layer.ThresholdDependentBatchNorm2d)),
    (nn.Linear, (layer.BatchNorm1d, layer.ThresholdDependentBatchNorm1d)),
)


@torch.no_grad()
def folded(net: nn.Module, weights: torch.dtype = torch.float32) -> nn.Module:
    """Return a copy of a network for inference: a batch norm becomes part of the layer before it.

    BN(Wx + b) = (γ/σ)·Wx + (γ/σ)·(b - μ) + β, so the outputs are those of `net` in eval mode up to rounding. Folded is
    a batch norm that directly follows its convolution or linear layer in an nn.Sequential; elsewhere the order is not
    known, and it stays. The layers keep their names; an identity stands where a batch norm stood. The copy shares
    nothing with `net`, is in eval mode and asks for no gradients.

    Not SpikingJelly's fuse_conv_bn_eval_modules: that gives a traced graph in place of the tree, and rounds otherwise.

    Args:
        weights: dtype of the copy's convolutions and linear layers; that of autocast spares it a cast in every batch.

    Raises:
        ValueError: a module is not known (see pipeline.nets.tree), or a batch norm to fold has no running statistics.
    """
    copied = duplicate(net).eval().requires_grad_(False)
    uses = Counter(id(module) for _, module in leaves(copied))
    for row in copied.modules():
        if not isinstance(row, nn.Sequential):
            continue
        for (_, before), (name, norm) in pairwise(list(row._modules.items())):
            # A layer that standardises its weights would undo what is folded into them.
            alone = uses[id(before)] == uses[id(norm)] == 1 and not isinstance(before, STANDARDISED)
            if alone and any(isinstance(before, kind) and isinstance(norm, norms) for kind, norms in PAIRS):
                _fold(before, norm)
                setattr(row, name, nn.Identity())
    for module in copied.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.to(weights)
    return copied


def _fold(synapses: Any, norm: Any) -> None:
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics cannot be folded: it has no fixed scale")
    scale = torch.sqrt(norm.running_var + norm.eps)
    scale = norm.weight / scale if norm.affine else 1 / scale
    bias = torch.zeros_like(norm.running_mean) if synapses.bias is None else synapses.bias
    shift = norm.bias if norm.affine else 0
    synapses.bias = nn.Parameter((bias - norm.running_mean) * scale + shift, requires_grad=False)
    # In place, so that the weight stays channels last.
    synapses.weight.mul_(scale.view(-1, *[1] * (synapses.weight.dim() - 1)))
