"""What was drawn on the CPU, brought to the device of the frames."""

from __future__ import annotations

import torch
from torch import Tensor


def sent(drawn: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device; from pinned memory, a GPU need not finish its work first."""
    return drawn.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else drawn.to(device)
