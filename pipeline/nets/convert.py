"""ANN to SNN: the same weights, each QCFS becomes an integrate-and-fire neuron with θ = λ (Section 4.2)."""

from __future__ import annotations

import copy

from pipeline.nets.network import FrameNet
from pipeline.nets.neurons import IF
from pipeline.nets.qcfs import QCFS


def convert(ann: FrameNet, train_threshold: bool = False, detach_reset: bool = False) -> FrameNet:
    """Make a spiking network of a QCFS network; the ANN is left as it was and shares nothing with the result.

    Args:
        ann: network with QCFS activations.
        train_threshold, detach_reset: as for IF.

    Raises:
        ValueError: the network has no QCFS activation.
    """
    if not any(isinstance(layer, QCFS) for layer in ann.layers):
        raise ValueError("nothing to convert: the network has no QCFS activation")
    snn = copy.deepcopy(ann)
    for name, layer in snn.layers.named_children():
        if isinstance(layer, QCFS):
            neuron = IF(layer.positive_threshold().item(), train_threshold, detach_reset)
            setattr(snn.layers, name, neuron.to(layer.threshold.device))
    return snn
