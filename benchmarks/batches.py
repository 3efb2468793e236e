"""The batch that every network of a row sees, and batch norm settled on it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks import recordings
from benchmarks.context import Context
from pipeline.nets import FrameNet

# Forward passes that settle the statistics of batch norm; with 0 and 1 an untrained network hardly fires.
SETTLING = 3


@dataclass(frozen=True)
class Batch:
    """Counts uint8 [N, T, 2, H, W] and labels [N], and what a peer gets: float32 [T, N, 2, H, W]; on one device."""

    frames: Tensor
    labels: Tensor
    floats: Tensor


def count(context: Context) -> int:
    """Give the batch size on the context's device."""
    return context.sizes.batch if context.device == "cpu" else context.sizes.gpu_batch


def batch_of(context: Context, steps: int) -> Batch:
    """Make a seeded batch on the context's device."""
    shape = context.sizes.shape
    counts = recordings.random_frames(count(context), steps, shape.size, context.seed)
    frames = torch.from_numpy(counts).to(context.device)
    labels = recordings.random_labels(len(counts), shape.classes, context.seed).to(context.device)
    return Batch(frames, labels, frames.transpose(0, 1).float().contiguous())


@torch.no_grad()
def settle(net: FrameNet, batch: Batch) -> FrameNet:
    """Give batch norm the statistics of the batch, as after training; the network is then in eval mode."""
    net.to(batch.frames.device).train()
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
    for _ in range(SETTLING):
        net(batch.frames.transpose(0, 1))
    for norm in norms:
        norm.momentum = 0.1
    return net.eval()


def case(context: Context, what: str, steps: int) -> str:
    """Say what is measured, for the table."""
    shape = context.sizes.shape
    size = f"{shape.size[0]}×{shape.size[1]}"
    return f"VGG-SNN ×{shape.width:g}, {what}, {size}, T = {steps}, batch {count(context)}"
