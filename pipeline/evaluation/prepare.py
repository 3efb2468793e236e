"""A network made ready to answer on a machine."""

from __future__ import annotations

from torch import nn

from pipeline.nets.fold import folded
from pipeline.nets.int8 import in_int8
from pipeline.runtime.hardware import Hardware


def prepared(net: nn.Module, hardware: Hardware) -> nn.Module:
    """Return a copy for inference: batch norm folded, in the machine's precision; the network moves to its device.

    Raises:
        ValueError: as `folded`.
    """
    made = folded(net.to(hardware.device), hardware.dtype)
    return in_int8(made) if hardware.precision == "int8" else made
