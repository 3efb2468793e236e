"""Firing rates, synaptic operations and energy, counted with SpikingJelly's counters.

Each layer with synapses is counted on the spikes that reach it, as 0 and 1. A spike that passes an average pool
reaches the synapses of one pooled position: the pool belongs to the synapses, so the layer is counted once for each
of the pool's sub-grids. Attention weighs spikes: that is a multiplication for each, and the layer behind still adds.
What enters the first layer are event counts, hence multiply-accumulates. Batch norm folds into the convolution and
costs nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from spikingjelly.activation_based import op_counter
from spikingjelly.activation_based.op_counter.simple_energy import SimpleEnergyCostConfig
from torch import Tensor, nn

from pipeline.evaluation.accuracy import batches
from pipeline.nets import FrameNet, SpikingNeuron
from pipeline.nets.attention import TCJA
from pipeline.nets.fold import folded
from pipeline.runtime.hardware import Hardware

# Where Triton is missing, as it is on every CPU, torch warns of it again and again.
logging.getLogger("torch._library.triton").setLevel(logging.ERROR)

# A layer whose neurons fire in fewer than this share of steps is reported as dead.
DEAD_RATE = 0.01


@dataclass
class Layer:
    """One layer with synapses and the neurons behind it, per recording (all steps).

    `macs` and `synops` are operations into the layer, `firing_rate` is spikes per neuron and step (None for an ANN's
    layer and the read-out).
    """

    name: str
    macs: float = 0.0
    synops: float = 0.0
    firing_rate: float | None = None


def energy_uj(macs: float, synops: float) -> float:
    """Estimate the energy in µJ: 4.6 pJ a multiply-accumulate, 0.9 pJ an accumulate (45 nm, Horowitz 2014)."""
    cost = SimpleEnergyCostConfig.fp32()
    return (macs * cost.e_mac_pj + synops * cost.e_ac_pj) * 1e-6


@torch.no_grad()
def count_operations(
    net: FrameNet, frames: NDArray[np.uint8], batch_size: int, hardware: Hardware, title: str
) -> list[Layer]:
    """Count what a network does on recordings in eval mode.

    Args:
        frames: counts [N, T, 2, H, W].

    Returns:
        One Layer for each convolution and linear layer in order, averaged over the recordings.
    """
    fixed = folded(net.to(hardware.device))
    layers: dict[str, Layer] = {}
    for batch in batches(frames, batch_size, hardware, title):
        with hardware.autocast():
            _walk(fixed, batch, len(frames), layers)
    return list(layers.values())


def _walk(net: FrameNet, batch: Tensor, recordings: int, layers: dict[str, Layer]) -> None:
    steps, samples = batch.shape[:2]
    x = batch.flatten(0, 1).float()
    spikes: Tensor | None = None
    pool = 1
    name = ""
    for child, layer in net.layers.named_children():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            name = child
            entry = layers.setdefault(name, Layer(name))
            macs, synops = _count(layer, [x] if spikes is None else _reaching(spikes, pool))
            entry.macs += macs / recordings
            entry.synops += synops / recordings
        if isinstance(layer, TCJA):
            sequence = x.permute(0, 2, 3, 1).unflatten(0, (steps, samples))
            entry = layers.setdefault(child, Layer(child))
            entry.macs += _count_attention(layer, sequence) / recordings
            x = layer(sequence).flatten(0, 1).permute(0, 3, 1, 2)
            continue
        if isinstance(layer, SpikingNeuron):
            x = layer(x.unflatten(0, (steps, samples))).flatten(0, 1)
            spikes, pool = (x > 0).float(), 1
            entry = layers[name]
            entry.firing_rate = (entry.firing_rate or 0.0) + spikes.mean().item() * samples / recordings
            continue
        if isinstance(layer, nn.AvgPool2d):
            pool *= int(layer.kernel_size)  # type: ignore[arg-type]
        x = layer(x)


def _count_attention(layer: TCJA, x: Tensor) -> int:
    """Count both convolutions, and a multiplication for each spike [T, N, H, W, C] that attention weighs."""
    macs = op_counter.MACCounter()
    with torch.autocast(x.device.type, enabled=False), op_counter.DispatchCounterMode([macs]):
        layer.weights(x)
    return macs.get_total() + int(torch.count_nonzero(x))


def _reaching(spikes: Tensor, pool: int) -> list[Tensor]:
    """Split spikes before an average pool ([T·N, C, H, W] or [T·N, F]) into the sub-grids of 0 and 1 that it sums."""
    if spikes.dim() == 2:
        return [spikes]  # of a hidden layer: no pool follows
    # Rows and columns that fill no pool are lost in it.
    height, width = (side // pool * pool for side in spikes.shape[2:])
    return [spikes[:, :, row:height:pool, column:width:pool] for row in range(pool) for column in range(pool)]


def _count(layer: nn.Conv2d | nn.Linear, inputs: list[Tensor]) -> tuple[int, int]:
    """Count (multiply-accumulates, accumulates) of one layer, summed over its inputs."""
    macs, synops = op_counter.MACCounter(), op_counter.SynOpCounter()
    with torch.autocast(inputs[0].device.type, enabled=False), op_counter.DispatchCounterMode([macs, synops]):
        for part in inputs:
            layer(part.flatten(1) if isinstance(layer, nn.Linear) else part)
    return macs.get_total(), synops.get_total()
