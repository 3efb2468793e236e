"""Networks whose sums are exact in any order, so that two programs that compute alike give the same bits."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.config.network import Network
from pipeline.nets.build import build
from pipeline.nets.convert import convert
from pipeline.nets.forward import forward
from tests.networks import entry

STEPS, BATCH, CLASSES, SIZE = 4, 3, 10, (12, 12)
SMALL = {"kind": "chain", "layers": [6, "p", 6], "hidden": [8]}
QCFS = {"kind": "qcfs", "levels": 4, "threshold": 2.0}
CONVERTED = {"kind": "converted"}
SPIKING = {"kind": "lif", "input_scale": "1-decay", "surrogate": {"kind": "sigmoid"}, "output": "spike"}
RESNET = {
    "kind": "resnet",
    "stem": {"channels": 6},
    "stages": [[6, 1, 1], [12, 1, 2]],
    "hidden": [12],
    "global_pool": False,
}
SEW = {**RESNET, "block": "sew"}
SPIKFORMER = entry("spikformer-2-256-48", channels=16, heads=2, blocks=1)


def network(activation: dict[str, Any], model: dict[str, Any] = SMALL, attention: dict[str, Any] | None = None) -> Any:
    """Return a network in eval mode whose weights, and norms as folded, are multiples of a power of 2.

    It is the first one drawn whose answers differ from step to step and from recording to recording.
    """
    for seed, gain in itertools.product(range(4), (1.0, 2.0, 0.5, 4.0, 0.25, 8.0)):
        net = drawn(activation, model, attention, seed, gain)
        with torch.no_grad():
            logits = forward(net, frames())
        if min(len(part.unique(dim=0)) for part in (logits, logits.transpose(0, 1))) > 1:
            return net
    raise AssertionError(f"none is found for {activation} in {model}")


def drawn(
    activation: dict[str, Any], model: dict[str, Any], attention: dict[str, Any] | None, seed: int, gain: float
) -> Any:
    """Return a network of such weights; the gain is its norms'."""
    generator = torch.Generator().manual_seed(seed)
    given = QCFS if activation is CONVERTED else activation
    net = build(Network(model=model, activation=given, attention=attention, steps=STEPS), CLASSES, SIZE, generator)

    def draw(values: Tensor, low: int, high: int) -> None:
        values.copy_(torch.randint(low, high, values.shape, generator=generator) / 16)

    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                draw(module.weight, -8, 9)
                if module.bias is not None:
                    draw(module.bias, -2, 3)
            elif isinstance(module, nn.BatchNorm2d):
                draw(module.running_mean, -4, 5)
                module.running_var.fill_(1 - module.eps)
                module.weight.fill_(gain)
    return (convert(net) if activation is CONVERTED else net).eval()


def frames() -> Tensor:
    """Return counts, float32 [T, N, 2, H, W]."""
    return torch.randint(0, 4, (STEPS, BATCH, 2, *SIZE), generator=torch.Generator().manual_seed(1)).float()
