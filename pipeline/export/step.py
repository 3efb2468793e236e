"""A network as a function of one frame and its states, as a program without memories runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from spikingjelly.activation_based import base, functional
from torch import Tensor, nn

from pipeline.nets import kernels
from pipeline.nets.fold import folded
from pipeline.nets.forward import HOLDER
from pipeline.nets.layers._spiking import V_TH, FusedNeuron
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.models._parts import POLARITIES
from pipeline.nets.threshold import positive


@dataclass(frozen=True)
class State:
    """A memory of a layer, and its value before the first step of two recordings, one number in all places."""

    layer: str
    key: str
    first: Tensor

    @property
    def name(self) -> str:
        """Return act1.v of layer act1."""
        return f"{self.layer}.{self.key}".removeprefix(HOLDER)

    @property
    def start(self) -> float:
        """Return the number."""
        return float(self.first.flatten()[0])

    @property
    def batched(self) -> bool:
        """Return whether each recording has its own; GLIF counts the steps of all."""
        return self.first.is_floating_point()


class Step(nn.Module):
    """One step of a network: (frame float32 [N, 2, H, W], states) -> (logits [N, C], next states ...).

    It works on a copy, in eval mode and without gradients, batch norms folded. An ANN has no states.

    Attributes:
        states: what the second argument is, in this order.
        frame: zeros, a batch of two, as tracers ask for: they take a batch of one for a constant.

    Raises:
        ValueError: the network has no single steps, or a layer of it is not known (see pipeline.nets.tree).
    """

    def __init__(self, net: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        copied = folded(net).cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        functional.set_step_mode(copied, "s")
        self.net = _plain(copied)
        self.frame = torch.zeros(2, POLARITIES, *size)
        self.states = _states(self.net, self.frame)

    def forward(self, frame: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, ...]:
        layers: dict[str, Any] = dict(self.net.named_modules())
        for state, value in zip(self.states, states, strict=True):
            layers[state.layer]._memories[state.key] = value
        logits = self.net(frame)
        after = [layers[state.layer]._memories[state.key] for state in self.states]
        functional.reset_net(self.net)
        return logits, *after


class _Neuron(base.MemoryModule):  # type: ignore[misc]
    """A FusedNeuron's single step in operations that a tracer follows: the same arithmetic, and nothing in place."""

    threshold: Tensor
    v: Tensor

    def __init__(self, fused: FusedNeuron) -> None:
        super().__init__()
        self.dynamics, self.start = fused.dynamics, float(fused.v)
        self.register_buffer("threshold", positive(fused.threshold).detach())
        self.register_memory("v", self.start)

    def materialize_states(self, inputs: Any, states: Any, step_mode: str) -> Any:
        """Return the membrane before the first step."""
        del states, step_mode
        return (torch.full_like(inputs[0], self.start),)

    def single_step_forward(self, x: Tensor) -> Tensor:
        """Return s·θ."""
        u = x / self.threshold + self.dynamics.decay * self.v
        fired = (u >= V_TH).float()
        self.v = u - u * fired if self.dynamics.hard else u - fired
        return fired * self.threshold


class _Quantiser(nn.Module):
    """QCFS by the pure function that GPUs run."""

    threshold: Tensor

    def __init__(self, qcfs: QCFS) -> None:
        super().__init__()
        self.levels = qcfs.levels
        self.register_buffer("threshold", qcfs.positive_threshold().detach())

    def forward(self, x: Tensor) -> Tensor:
        return kernels.quantise(x, self.threshold, self.levels)


def _plain(net: nn.Module) -> nn.Module:
    """Replace our activations, whose functions bring their own backward pass, in a network."""
    for parent in list(net.modules()):
        for name, child in parent._modules.items():
            if isinstance(child, FusedNeuron):
                parent._modules[name] = _Neuron(child)
            elif isinstance(child, QCFS):
                parent._modules[name] = _Quantiser(child)
    functional.invalidate_reset_cache(net)
    return net


@torch.no_grad()
def _states(net: nn.Module, frame: Tensor) -> list[State]:
    """Return the states of a network, found by one step of it; from then on its layers take them as they are given."""
    found: list[State] = []

    def keep(path: str, module: Any, inputs: tuple[Any, ...]) -> None:
        values = module.materialize_states(inputs, tuple(module._memories.values()), "s")
        for key, value in zip(module._memories, values, strict=True):
            # A memory that SpikingJelly leaves a number until the first step: a neuron's own beside its membrane.
            given = torch.full_like(inputs[0], value) if isinstance(value, float) else value
            # No state is one of training alone, such as what dropout drops.
            if given is not None:
                found.append(State(path, key, given if isinstance(given, Tensor) else torch.tensor([given])))

    layers = {path: module for path, module in net.named_modules() if isinstance(module, base.MemoryModule)}
    hooks = [module.register_forward_pre_hook(partial(keep, path)) for path, module in layers.items()]
    net(frame)
    functional.reset_net(net)
    for hook in hooks:
        hook.remove()
    for module in layers.values():
        module.materialize_states = _as_given
    return found


def _as_given(inputs: Any, states: Any, step_mode: str) -> Any:
    del inputs, step_mode
    return states
