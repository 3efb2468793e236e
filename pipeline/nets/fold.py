"""Batch norm folded into the convolution before it, for inference."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import torch
from spikingjelly.activation_based import layer
from torch import nn

from pipeline.nets.tree import duplicate, leaves

NORMS = (nn.BatchNorm2d, layer.ThresholdDependentBatchNorm2d)


@torch.no_grad()
def folded(net: nn.Module, weights: torch.dtype = torch.float32) -> nn.Module:
    """Return a copy of a network for inference: a batch norm becomes part of the convolution before it.

    BN(Wx + b) = (γ/σ)·Wx + (γ/σ)·(b - μ) + β, so the outputs are those of `net` in eval mode up to rounding. Folded is
    a batch norm that directly follows its convolution in an nn.Sequential; elsewhere the order is not known, and it
    stays. The layers keep their names; an identity stands where a batch norm stood. The copy shares nothing with `net`,
    is in eval mode and asks for no gradients.

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
            alone = uses[id(before)] == uses[id(norm)] == 1
            if alone and isinstance(before, nn.Conv2d) and isinstance(norm, NORMS):
                _fold(before, norm)
                setattr(row, name, nn.Identity())
    for module in copied.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.to(weights)
    return copied


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics cannot be folded: it has no fixed scale")
    scale = torch.sqrt(norm.running_var + norm.eps)
    scale = norm.weight / scale if norm.affine else 1 / scale
    bias = torch.zeros_like(norm.running_mean) if convolution.bias is None else convolution.bias
    shift = norm.bias if norm.affine else 0
    convolution.bias = nn.Parameter((bias - norm.running_mean) * scale + shift, requires_grad=False)
    # In place, so that the weight stays channels last.
    convolution.weight.mul_(scale[:, None, None, None])
