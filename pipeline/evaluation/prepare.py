"""A network made ready to answer on a machine."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from pipeline.nets.fold import folded
from pipeline.runtime.hardware import Hardware

Prepare = Callable[[nn.Module, Hardware], nn.Module]


def prepared(net: nn.Module, hardware: Hardware) -> nn.Module:
    """Return a copy for inference: batch norm folded, in the machine's precision; the network moves to its device.

    Raises:
        ValueError: as `folded`.
    """
    return folded(net.to(hardware.device), hardware.dtype)
