"""Numbers of spikes: how many leave a neuron and an average pool, and what they cost a layer with synapses."""

from __future__ import annotations

import math

import torch
from spikingjelly.activation_based import op_counter
from torch import Tensor, nn


def spikes_sent(neuron: nn.Module, out: Tensor) -> Tensor | None:
    """Return the number of spikes in each place of what left a neuron; None where it is analog.

    Of a neuron that does not say, which is none of ours, an output with one value beside 0 is spikes.
    """
    says = getattr(neuron, "spikes", None)
    if callable(says):
        return says(out)  # type: ignore[no-any-return]
    return (out != 0).float() if bool(((out == 0) | (out == out.max())).all()) else None


def firing_rate(neuron: nn.Module, out: Tensor) -> float:
    """Return the spikes per neuron and step, of which a group has many."""
    spikes = spikes_sent(neuron, out)
    sent = (out != 0).float() if spikes is None else spikes / (getattr(neuron, "members", None) or 1)
    return sent.mean().item()


def added(pool: nn.Module, x: Tensor) -> Tensor:
    """Return what an average pool averages, added."""
    out: Tensor = pool(x)
    size = getattr(pool, "kernel_size", None)
    if size is None:
        # An adaptive pool; where its windows differ, what comes is no whole number.
        return out * (x[0, 0].numel() / out[0, 0].numel())
    axes = 3 if isinstance(pool, nn.AvgPool3d) else 2  # of one axis it is a tuple
    whole = math.prod(size) if isinstance(size, tuple) else size**axes
    return out * (getattr(pool, "divisor_override", None) or whole)


def bits(spikes: Tensor, entered: Tensor) -> list[tuple[int, Tensor]]:
    """Split numbers of spikes into (weight, 0 and 1) by their binary digits, so that 64 spikes are counted in 7 parts.

    Where they are none: one analog part, of what is surely neither 0 nor 1, as counts and activations are by chance.
    """
    whole = spikes.round()
    # An average of nine is not exact.
    if not bool(((spikes - whole).abs() < 1e-3).all()) or bool((whole < 0).any()):
        return [(1, torch.full_like(entered, 0.5))]
    digits = range(int(whole.max()).bit_length())
    return [(2**digit, whole.div(2**digit).floor().remainder(2)) for digit in digits]


def operations(layer: nn.Module, parts: list[tuple[int, Tensor]]) -> tuple[int, int]:
    """Return (multiply-accumulates, accumulates) of one layer, summed over its weighted inputs."""
    macs = synops = 0
    for weight, part in parts:
        counters = op_counter.MACCounter(), op_counter.SynOpCounter()
        with torch.autocast(part.device.type, enabled=False), op_counter.DispatchCounterMode(list(counters)):
            layer(part.float())
        macs += weight * int(counters[0].get_total())
        synops += weight * int(counters[1].get_total())
    return macs, synops
