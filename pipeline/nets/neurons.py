"""Spiking neurons over [T, N, ...], in units of their threshold: SpikingJelly's dynamics, scaled at both ends.

The node inside works on u/θ with threshold 1 and the triangular surrogate of eq. 12 (γ = 1); what leaves the neuron
is s·θ (eq. 3), so that a converted network equals its ANN in eval mode too. State lives for one forward pass.
"""

from __future__ import annotations

import logging

import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import Tensor, nn

from pipeline.nets.threshold import positive

# Where Triton is missing, as it is on every CPU, torch warns of it again and again.
logging.getLogger("torch._library.triton").setLevel(logging.ERROR)

# γ and V_th of eq. 12.
GAMMA = 1.0


class SpikingNeuron(nn.Module):
    """What IF and LIF share: the scaling by θ around a SpikingJelly node with threshold 1.

    Args:
        node: multi-step SpikingJelly node with v_threshold = 1; its output is the spikes s in {0, 1}.
        threshold: θ > 0.
        train_threshold: whether θ is a parameter; else it is a buffer.

    Shape: input current [T, N, ...], any float dtype; output s·θ float32, the same shape. Membrane in float32.
    """

    threshold: Tensor

    def __init__(self, node: neuron.BaseNode, threshold: float, train_threshold: bool) -> None:
        super().__init__()
        if threshold <= 0:
            raise ValueError(f"threshold must be above 0, found {threshold}")
        self.node = node
        value = torch.tensor(float(threshold))
        if train_threshold:
            self.threshold = nn.Parameter(value)
        else:
            self.register_buffer("threshold", value)

    def forward(self, current: Tensor) -> Tensor:
        functional.reset_net(self.node)
        threshold = positive(self.threshold)
        spikes = self.node(current.float() / threshold)
        # Not kept: the membrane potential holds the graph of the whole pass.
        functional.reset_net(self.node)
        return spikes * threshold

    def extra_repr(self) -> str:
        return f"threshold={self.threshold.item():.3g}"


class IF(SpikingNeuron):
    """Integrate-and-fire with soft reset and v(0) = θ/2 (eq. 3 and 4, Algorithm 1).

    Args:
        threshold: θ. train_threshold: whether it goes on learning.
        detach_reset: whether the gradient stops at the reset.
    """

    def __init__(self, threshold: float, train_threshold: bool = False, detach_reset: bool = False) -> None:
        node = neuron.HalfThresholdIFNode(
            v_threshold=1.0,
            surrogate_function=surrogate.PiecewiseQuadratic(alpha=1.0 / GAMMA),
            detach_reset=detach_reset,
            step_mode="m",
        )
        super().__init__(node, threshold, train_threshold)


class LIF(SpikingNeuron):
    """Leaky integrate-and-fire of TET's VGG-SNN: u = v/2 + x, hard reset to 0, v(0) = 0.

    Args: as for IF.
    """

    def __init__(self, threshold: float = 1.0, train_threshold: bool = False, detach_reset: bool = False) -> None:
        node = neuron.LIFNode(
            tau=2.0,
            decay_input=False,
            v_threshold=1.0,
            v_reset=0.0,
            surrogate_function=surrogate.PiecewiseQuadratic(alpha=1.0 / GAMMA),
            detach_reset=detach_reset,
            step_mode="m",
        )
        super().__init__(node, threshold, train_threshold)
