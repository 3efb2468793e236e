"""Logits on the test recordings, looked at once, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.evaluation.prepare import Prepare, prepared
from pipeline.nets.forward import forward
from pipeline.runtime.hardware import Hardware
from pipeline.runtime.progress import progress

Logits = NDArray[np.float32]


def batches(
    frames: NDArray[np.uint8], batch_size: int, hardware: Hardware, title: str | None = None
) -> Iterator[Tensor]:
    """Yield frames [N, T, 2, H, W] on the device in batches [T, n, 2, H, W], in order; a title has a progress bar."""
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
    net: nn.Module,
    frames: NDArray[np.uint8],
    batch_size: int,
    hardware: Hardware,
    title: str | None = None,
    grouped: Callable[[Tensor], Tensor] | None = None,
    prepare: Prepare = prepared,
) -> Logits:
    """Return a network's logits in eval mode, batch norm folded; the network is left as it was, but on the device.

    Args:
        frames: counts [N, T, 2, H, W], only those the network answers from.
        grouped: makes of a batch [T, n, 2, H, W] the frames [T', n, 2, H, W] that it is shown; None: these.
        prepare: makes of the network the copy that answers.

    Returns:
        float32 [T, N, C], or [T', N, C].
    """
    fixed = prepare(net, hardware)
    parts = []
    for batch in batches(frames, batch_size, hardware, title):
        with hardware.autocast():
            parts.append(forward(fixed, batch if grouped is None else grouped(batch)))
    # Brought back at the end: on a GPU, no batch waits for the one before.
    return torch.cat(parts, dim=1).cpu().numpy()
