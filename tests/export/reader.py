"""NIR as its definitions say it, stepped by forward Euler from 0: a reader to hold files against, on nirtorch's wiring.

Of the primitives, not of what wrote them: it knows nothing of the project.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nir
import nirtorch
import torch
from torch import Tensor, nn

DT = 1e-4


def tensor(values: Any) -> Tensor:
    return torch.from_numpy(values)


class Neuron(nn.Module):
    """I, LI, IF, LIF: v += DT/τ · (v_leak - v + R · x), or DT · R · x; a spike where v > v_threshold; v = v_reset."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.node = node

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        node, v = self.node, torch.zeros_like(x) if state is None else state
        if isinstance(node, nir.LI | nir.LIF):
            share = DT / tensor(node.tau)
            v = v + share * (tensor(node.v_leak) - v) + share * tensor(node.r) * x
        else:
            v = v + DT * tensor(node.r) * x
        if isinstance(node, nir.I | nir.LI):
            return v, v
        fires = v > tensor(node.v_threshold)
        return fires.float(), torch.where(fires, tensor(node.v_reset), v)


class Elementwise(nn.Module):
    """Threshold, or Scale."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.node = node

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.node, nir.Threshold):
            return (x > tensor(self.node.threshold)).float()
        return x * tensor(self.node.scale)


class Weights(nn.Module):
    """Conv2d, Linear, Affine, Flatten, AvgPool2d."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.node = node

    def forward(self, x: Tensor) -> Tensor:
        node = self.node
        if isinstance(node, nir.Conv2d):
            sizes = (tuple(map(int, side)) for side in (node.stride, node.padding, node.dilation))
            return nn.functional.conv2d(x, tensor(node.weight), tensor(node.bias), *sizes, groups=int(node.groups))
        if isinstance(node, nir.AvgPool2d):
            return nn.functional.avg_pool2d(x, *(tuple(map(int, side)) for side in (node.kernel_size, node.stride)))
        if isinstance(node, nir.Flatten):
            # The node's axes are those without the batch.
            assert (int(node.start_dim), int(node.end_dim)) == (0, -1)
            return x.flatten(1)
        return nn.functional.linear(x, tensor(node.weight), tensor(node.bias) if hasattr(node, "bias") else None)


KINDS = {
    Neuron: (nir.I, nir.LI, nir.IF, nir.LIF),
    Elementwise: (nir.Threshold, nir.Scale),
    Weights: (nir.Conv2d, nir.AvgPool2d, nir.Flatten, nir.Linear, nir.Affine),
}


def read(path: Path) -> nn.Module:
    """Return a file's graph as a module (frame, state) -> (what leaves, state)."""
    made: nn.Module = nirtorch.nir_to_torch(
        nir.read(path), {node: kind for kind, nodes in KINDS.items() for node in nodes}
    )
    return made


@torch.no_grad()
def stepped(net: nn.Module, frames: Tensor) -> Tensor:
    """Return what leaves a module at each step."""
    said, state = [], None
    for frame in frames:
        out, state = net(frame, state)
        said.append(out.reshape(len(frame), -1))
    return torch.stack(said)
