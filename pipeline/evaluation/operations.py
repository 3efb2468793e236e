"""Firing rates, synaptic operations and energy, counted with SpikingJelly's counters, in networks of any nesting.

A network is run twice. The first pass is its own; the second has in each place the number of spikes that are summed
there, or "no number of spikes": a neuron gives the 0s and 1s it sent in the first pass, or where it has a method
`spikes(out)` the numbers that this returns, an average pool adds what it averages, sums and concatenations between
layers add and join, attention passes spikes on, all else that is not whole counts as analog.

A layer with synapses costs an accumulate for each spike that reaches each of its synapses, whether spikes come one by
one, through an average pool (the pool belongs to the synapses), as the sum of several branches (2 is two spikes) or as
a graded spike of a group of neurons (k of K is k spikes). What is analog costs multiply-accumulates: event counts
before the first layer, an ANN's activations, what an analog neuron sends, a sum in which one branch is analog.
Attention weighs spikes: that is a multiplication for each, and the layer behind still adds. Batch norm folds into the
convolution and costs nothing, nor do additions between branches.

A layer with a method `operations` says itself what it costs: multiply-accumulates, or a pair of those and accumulates.
It is asked with all that entered it. What leaves it has as many spikes as its method `passed(*spikes)` returns for
those that entered; without one, as many as entered where it has one input of the same shape; else it is analog.
"""

from __future__ import annotations

import copy
import logging
from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from spikingjelly.activation_based import op_counter
from torch import Tensor, nn

from pipeline.evaluation.accuracy import batches
from pipeline.evaluation.spikes import added, bits, firing_rate, operations, spikes_sent
from pipeline.nets.fold import folded
from pipeline.nets.forward import HOLDER, forward, laid_out
from pipeline.nets.tree import AVERAGES, SPIKING, SYNAPSES, is_activation, leaves
from pipeline.runtime.hardware import Hardware

# Where Triton is missing, as it is on every CPU, torch warns of it again and again.
logging.getLogger("torch._library.triton").setLevel(logging.ERROR)

# A layer whose neurons fire in fewer than this share of steps is reported as dead.
DEAD_RATE = 0.01
# In place of a number of spikes, in the second pass: it stays in all that comes of it.
ANALOG = float("nan")
# Torch's fused forms of attention, which SpikingJelly does not count.
ATTENTION = (
    "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention",
)  # fmt: skip


@dataclass
class Layer:
    """One layer with synapses and the neurons behind it, per recording (all steps).

    `macs` and `synops` are operations into the layer, `firing_rate` is spikes per neuron and step (None for an ANN's
    layer and the read-out), of an analog neuron the share of steps in which it sends anything. Neurons that do not
    follow a layer of their own have an entry of their own.
    """

    name: str
    macs: float = 0.0
    synops: float = 0.0
    firing_rate: float | None = None


@torch.no_grad()
def count_operations(
    net: nn.Module, frames: NDArray[np.uint8], batch_size: int, hardware: Hardware, title: str
) -> list[Layer]:
    """Return what a network does on recordings in eval mode.

    Args:
        frames: counts [N, T, 2, H, W].

    Returns:
        One Layer for each convolution, linear layer and attention in the order of the pass, averaged over recordings.

    Raises:
        ValueError: the network has a module that is not known (see pipeline.nets.tree), a container multiplies matrices
            itself, or a neuron is called twice in a pass.
    """
    fixed = folded(net.to(hardware.device))
    counting = _Counting(fixed, len(frames))
    for batch in batches(frames, batch_size, hardware, title):
        with hardware.autocast():
            counting.add(batch)
    return list(counting.layers.values())


class _Counting:
    """Both passes of a network, and what they found."""

    def __init__(self, net: nn.Module, recordings: int) -> None:
        self.net, self.recordings = net, recordings
        self.shadow = copy.deepcopy(net)
        self.known = dict(leaves(net))
        self.layers: dict[str, Layer] = {}
        # The entry that has the rate of a neuron.
        self.homes: dict[str, str] = {}
        # Of the first pass, in order: what entered a layer and what left it; of the second: what entered there.
        self.seen: dict[str, list[tuple[tuple[Tensor, ...], Tensor]]] = defaultdict(list)
        self.calls: list[tuple[str, Tensor]] = []
        shared: set[int] = set()
        for (name, module), (_, twin) in zip(self.known.items(), leaves(self.shadow), strict=True):
            if id(module) in shared:
                continue
            shared.add(id(module))
            if is_activation(module) or isinstance(module, SYNAPSES) or _says(module):
                module.register_forward_hook(partial(self._remember, name))
                twin.forward = partial(self._answer, name)  # type: ignore[method-assign]
            elif isinstance(module, AVERAGES):
                twin.forward = partial(added, module)  # type: ignore[method-assign]

    def add(self, batch: Tensor) -> None:
        """Count a batch [T, n, 2, H, W]."""
        self.seen.clear()
        self.calls.clear()
        forward(self.net, batch)
        for name, found in self.seen.items():
            if len(found) > 1 and isinstance(self.known[name], SPIKING):
                where = name.removeprefix(HOLDER)
                raise ValueError(f"neuron {where} is called {len(found)} times in a pass, with one membrane for all")
        self._count_spikes(batch)
        real = {name: iter(pairs) for name, pairs in self.seen.items()}
        samples, last = batch.shape[1], ""
        for path, spikes in self.calls:
            name, module, (entered, left) = path.removeprefix(HOLDER), self.known[path], next(real[path])
            if isinstance(module, SYNAPSES):
                last = name
                self._cost(name, *operations(module, bits(spikes, entered[0])))
            elif _says(module):
                said = module.operations(*entered)  # type: ignore[operator]
                self._cost(name, *(said if isinstance(said, tuple) else (said, 0)))
            elif isinstance(module, SPIKING):
                entry = self._home(name, last)
                rate = firing_rate(module, left) * samples / self.recordings
                entry.firing_rate = (entry.firing_rate or 0.0) + rate

    def _cost(self, name: str, macs: float, synops: float) -> None:
        entry = self.layers.setdefault(name, Layer(name))
        entry.macs += macs / self.recordings
        entry.synops += synops / self.recordings

    def _count_spikes(self, batch: Tensor) -> None:
        """Do the second pass.

        Raises:
            ValueError: matrix products outside the layers, which answer without any.
        """
        products = op_counter.SynOpCounter()
        attention = (getattr(torch.ops.aten, name).default for name in ATTENTION)
        products.rules = dict.fromkeys((*products.rules, *attention), lambda *_: 1)
        with op_counter.DispatchCounterMode([products]):
            self.shadow(torch.full_like(laid_out(batch), ANALOG))
        total = products.get_total()
        if total:
            # The innermost of the modules in which they are; the network's class stands before its path.
            path = max(products.get_counts().keys() - {"Global"}, key=len).partition(".")[2]
            name = f"{path.removeprefix(HOLDER) or 'net'} ({type(self.shadow.get_submodule(path)).__qualname__})"
            raise ValueError(f"{name} multiplies matrices outside the known layers ({total} products)")

    def _remember(self, name: str, module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        del module
        self.seen[name].append((inputs, out))

    def _answer(self, name: str, *entered: Tensor) -> Tensor:
        """Return the number of spikes that leaves a layer in the second pass."""
        before = sum(called == name for called, _ in self.calls)
        self.calls.append((name, entered[0]))
        left, module = self.seen[name][before][1], self.known[name]
        if isinstance(module, SPIKING) and (spikes := spikes_sent(module, left)) is not None:
            return spikes
        if _says(module) and callable(passed := getattr(module, "passed", None)):
            return passed(*entered)  # type: ignore[no-any-return]
        if _says(module) and len(entered) == 1 and left.shape == entered[0].shape:
            return entered[0]
        return torch.full_like(left, ANALOG)

    def _home(self, name: str, last: str) -> Layer:
        """Return the entry of a neuron: that of the layer before it, unless another neuron has it."""
        if name not in self.homes:
            taken = last in self.homes.values() or not last
            self.homes[name] = name if taken else last
        return self.layers.setdefault(self.homes[name], Layer(self.homes[name]))


def _says(module: nn.Module) -> bool:
    """Return whether a layer says itself what it costs."""
    return callable(getattr(module, "operations", None))
