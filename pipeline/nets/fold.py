"""Batch norm folded into the convolution before it, for inference."""

from __future__ import annotations

import copy

import torch
from torch import nn

from pipeline.nets.network import FrameNet


@torch.no_grad()
def folded(net: FrameNet, weights: torch.dtype = torch.float32) -> FrameNet:
    """Copy a network for inference: each batch norm becomes part of the convolution before it.

    BN(Wx + b) = (γ/σ)·Wx + (γ/σ)·(b - μ) + β, so the outputs are those of `net` in eval mode up to rounding. The
    layers keep their names; an identity stands where a batch norm stood. The copy shares nothing with `net`, is in
    eval mode and asks for no gradients.

    Args:
        weights: dtype of the copy's convolutions and linear layers; that of autocast spares it a cast in every batch.
    """
    copied = copy.deepcopy(net).eval().requires_grad_(False)
    before: nn.Module | None = None
    for name, layer in copied.layers.named_children():
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            _fold(before, layer)
            setattr(copied.layers, name, nn.Identity())
        before = layer
    for layer in copied.layers:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.to(weights)
    return copied


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics cannot be folded: it has no fixed scale")
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    bias = torch.zeros_like(norm.running_mean) if convolution.bias is None else convolution.bias
    convolution.bias = nn.Parameter((bias - norm.running_mean) * scale + norm.bias, requires_grad=False)
    # In place, so that the weight stays channels last.
    convolution.weight.mul_(scale[:, None, None, None])
