"""A network made ready to be used, with weights of 8 bits where they are asked for."""

from __future__ import annotations

from torch import nn

from pipeline.evaluation.prepare import prepared
from pipeline.nets.int8 import in_int8
from pipeline.runtime.hardware import Hardware


def ready(net: nn.Module, hardware: Hardware) -> nn.Module:
    """Return a copy as `evaluation.prepare.prepared`, in 8 bits on a machine of precision int8.

    It stands here, and not there, so that no training hangs on the code for 8 bits, which is never trained with.
    """
    made = prepared(net, hardware)
    return in_int8(made) if hardware.precision == "int8" else made
