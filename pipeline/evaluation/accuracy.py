"""Logits on the test recordings, looked at once, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.nets import FrameNet
from pipeline.nets.fold import folded
from pipeline.runtime.hardware import Hardware
from pipeline.runtime.progress import progress

Logits = NDArray[np.float32]


def batches(
    frames: NDArray[np.uint8], batch_size: int, hardware: Hardware, title: str | None = None
) -> Iterator[Tensor]:
    """Hand frames [N, T, 2, H, W] to the device in batches [T, n, 2, H, W], in order; a title has a progress bar."""
    starts: Iterable[int] = range(0, len(frames), batch_size)
    if title is not None:
        starts = progress(starts, -(-len(frames) // batch_size), title, "batches")
    for start in starts:
        batch = torch.from_numpy(frames[start : start + batch_size])
        if hardware.device.type == "cuda":
            # From pinned memory the copy need not wait for the batch before.
            batch = batch.pin_memory()
        yield batch.to(hardware.device, non_blocking=True).transpose(0, 1)


@torch.no_grad()
def predict(
    net: FrameNet, frames: NDArray[np.uint8], batch_size: int, hardware: Hardware, title: str | None = None
) -> Logits:
    """Give a network's logits in eval mode, batch norm folded; the network is left as it was, but on the device.

    Args:
        frames: counts [N, T, 2, H, W], only those the network answers from.

    Returns:
        float32 [T, N, C].
    """
    fixed = folded(net.to(hardware.device), hardware.dtype)
    parts = []
    for batch in batches(frames, batch_size, hardware, title):
        with hardware.autocast():
            parts.append(fixed(batch))
    # Brought back at the end: on a GPU, no batch waits for the one before.
    return torch.cat(parts, dim=1).cpu().numpy()


def predictions(logits: Logits, steps: int | None = None) -> NDArray[np.int64]:
    """Choose a class from the mean logits of the first `steps` steps (all, if None): [T, N, C] -> [N]."""
    return logits[:steps].mean(axis=0, dtype=np.float64).argmax(axis=-1)


def correct_after(logits: Logits, labels: NDArray[np.int64]) -> list[int]:
    """Count the correct answers after each step t = 1..T."""
    return [int((predictions(logits, t) == labels).sum()) for t in range(1, len(logits) + 1)]


def confusion(logits: Logits, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count answers by true class (row) and predicted class (column): [C, C]."""
    classes = logits.shape[-1]
    return np.bincount(labels * classes + predictions(logits), minlength=classes**2).reshape(classes, classes)
