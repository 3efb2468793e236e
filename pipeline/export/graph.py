"""The nodes and edges of a network in NIR's primitives.

NIR's neurons are differential equations. Their readers step them by DT, forward Euler:

    v += DT/τ · (v_leak - v + R · x);   spike where v > v_threshold, then v = v_reset       (LIF;  IF: v += DT · R · x)

So decay = 1 - DT/τ and gain = R · DT/τ. Membranes begin at 0 there: one that begins at v(0) is written less v(0), with
v_leak = -v(0), and threshold and reset less v(0), which is the same neuron. Where ours fires at v >= θ and NIR's at
v > θ, the number written is the next float32 below θ. A spike is 1 there; what ours is worth, the next weights take up.

What they lack is the soft reset. In an equation without steps it is the hard one, for v never passes θ; in steps it is
not. So it is written as an integrator (I, LI), a threshold, and spikes that lower the integrator's input at the next
step (Scale): by θ · decay, which is what a reset in this step would have left of itself then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np
import torch
from numpy.typing import NDArray
from spikingjelly.activation_based import layer
from torch import Tensor, nn

from pipeline.export.simple import simple
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.layers.vote import Vote
from pipeline.nets.models._blocks import Residual
from pipeline.nets.models._parts import POLARITIES
from pipeline.nets.tree import is_activation

# Seconds of a step. No real time: the one that snnTorch knows, and SpikingJelly's default.
DT = 1e-4
INPUT, OUTPUT = "input", "output"
REASONS: dict[type | tuple[type, ...], str] = {
    QCFS: "an ANN has no spikes; take the network converted from it",
    (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d): "NIR has no maximum",
    (nn.BatchNorm1d, nn.BatchNorm2d): "NIR has no batch norm, and this one has no layer before it to be folded into",
}


@dataclass(frozen=True)
class Signal:
    """The sum of what leaves some nodes, times a factor that the next weights take up."""

    sources: list[str]
    factor: float = 1.0


class Graph:
    """A network in single steps, batch norms folded, node by node.

    Args:
        approximate: write every soft reset as a hard one, so that all neurons are plain IF and LIF.

    Attributes:
        nodes, edges: of the graph. differences: what of the network it is not.

    Raises:
        ValueError: NIR has no primitives for a layer; it is named.
    """

    def __init__(self, net: nn.Module, size: tuple[int, int], approximate: bool) -> None:
        self.approximate = approximate
        self.nodes: dict[str, nir.NIRNode] = {INPUT: nir.Input(np.array([POLARITIES, *size]))}
        self.edges: list[tuple[str, str]] = []
        self.differences: list[str] = []
        self.shapes = _shapes(net, torch.zeros(1, POLARITIES, *size))
        end = self._plain(self.walk("", net, Signal([INPUT])), self.shapes[net][1])
        self.put(OUTPUT, nir.Output(np.array(self.shapes[net][1])), end)

    def put(self, name: str, node: nir.NIRNode, signal: Signal) -> Signal:
        """Add a node behind a signal, and return what leaves it; the signal's factor is the node's to take up."""
        self.nodes[name] = node
        self.edges += [(source, name) for source in signal.sources]
        return Signal([name])

    def walk(self, name: str, module: nn.Module, signal: Signal) -> Signal:
        """Add a module and all in it behind a signal, and return what leaves it."""
        if type(module).forward is nn.Sequential.forward:
            for child, inner in module.named_children():
                signal = self.walk(f"{name}.{child}" if name else child, inner, signal)
            return signal
        if isinstance(module, Residual):
            ways = [self.walk(f"{name}.{way}", getattr(module, way), signal) for way in ("shortcut", "body")]
            return self._sum(ways, self.shapes[module][1])
        if isinstance(module, (nn.Identity, nn.Dropout, layer.Dropout)):
            return signal
        try:
            return self._neuron(name, module, signal) if is_activation(module) else self._layer(name, module, signal)
        except ValueError as error:
            raise ValueError(f"{name} ({type(module).__name__}): {error}") from error

    def _sum(self, ways: list[Signal], shape: tuple[int, ...]) -> Signal:
        # Edges into one node are summed; what they bear must be of one unit.
        if len({way.factor for way in ways}) > 1:
            ways = [self._plain(way, shape) for way in ways]
        return Signal([source for way in ways for source in way.sources], ways[0].factor)

    def _plain(self, signal: Signal, shape: tuple[int, ...]) -> Signal:
        """Return a signal of factor 1, by a node where need be."""
        if signal.factor == 1:
            return signal
        return self.put(f"{'_'.join(signal.sources)}.worth", nir.Scale(_full(signal.factor, shape)), signal)

    def _layer(self, name: str, module: Any, signal: Signal) -> Signal:
        inputs, shape = self.shapes[module]
        if type(module) in (nn.Conv2d, layer.Conv2d) and module.padding_mode == "zeros":
            made = nir.Conv2d(
                inputs[1:], _array(module.weight) * np.float32(signal.factor), module.stride, module.padding,
                module.dilation, module.groups, _array(module.bias, module.out_channels),
            )  # fmt: skip
            return self.put(name, made, signal)
        if type(module) in (nn.Linear, layer.Linear):
            weight = _array(module.weight) * np.float32(signal.factor)
            linear = nir.Linear(weight) if module.bias is None else nir.Affine(weight, _array(module.bias))
            return self.put(name, linear, signal)
        if isinstance(module, Vote):
            mean = np.kron(np.eye(shape[0]), np.full(module.voters, signal.factor / module.voters))
            return self.put(name, nir.Linear(mean.astype(np.float32)), signal)
        if isinstance(module, nn.Flatten) and len(shape) == 1:
            made = nir.Flatten(np.array(inputs), 0, -1)
        elif (sides := _averaged(module, inputs)) is not None:
            made = nir.AvgPool2d(*(np.array(side) for side in sides))
        else:
            reasons = (reason for kinds, reason in REASONS.items() if isinstance(module, kinds))
            raise ValueError(next(reasons, "NIR has no primitive for it that is known here"))
        return Signal(self.put(name, made, signal).sources, signal.factor)

    def _neuron(self, name: str, module: nn.Module, signal: Signal) -> Signal:
        if isinstance(module, QCFS):
            raise ValueError(REASONS[QCFS])
        neuron, (_, shape) = simple(module), self.shapes[module]
        full: Callable[[float], NDArray[np.float32]] = lambda value: _full(value, shape)  # noqa: E731
        gain, start = neuron.gain * signal.factor, neuron.start
        threshold = np.nextafter(full(neuron.threshold - start), np.float32(-np.inf))
        integrates = neuron.decay == 1
        resistance = full(gain / DT if integrates else gain / (1 - neuron.decay))
        leak = {} if integrates else {"tau": full(DT / (1 - neuron.decay)), "v_leak": full(-start)}
        if neuron.reset == "soft" and not self.approximate:
            self.put(name, (nir.I if integrates else nir.LI)(r=resistance, **leak), signal)
            fired = self.put(f"{name}.spike", nir.Threshold(threshold), Signal([name]))
            lower = nir.Scale(full(-neuron.decay * neuron.threshold / gain))
            self.edges.append((self.put(f"{name}.reset", lower, fired).sources[0], name))
            return Signal(fired.sources, neuron.worth)
        if neuron.reset == "soft":
            self.differences.append(f"{name}: a spike sets v to 0 in place of taking θ from it (reset: soft)")
        reset = full((neuron.threshold if neuron.reset == "clamp" else 0) - start)
        kind = nir.IF if integrates else nir.LIF
        made = kind(r=resistance, v_threshold=threshold, v_reset=reset, **leak)
        return Signal(self.put(name, made, signal).sources, neuron.worth)


@torch.no_grad()
def _shapes(net: nn.Module, frame: Tensor) -> dict[nn.Module, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the shapes that enter and leave each module, without the batch."""
    found: dict[nn.Module, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def keep(module: nn.Module, inputs: Any, out: Tensor) -> None:
        found[module] = tuple(inputs[0].shape[1:]), tuple(out.shape[1:])

    hooks = [module.register_forward_hook(keep) for module in net.modules()]
    net(frame)
    for hook in hooks:
        hook.remove()
    return found


def _averaged(module: Any, inputs: tuple[int, ...]) -> tuple[Any, Any, Any] | None:
    """Return kernel, stride and padding of an average pool, [2] each; None of another layer."""
    if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
        return inputs[1:], inputs[1:], (0, 0)
    if isinstance(module, nn.AvgPool2d) and not module.ceil_mode and not module.divisor_override:
        pairs = (nn.modules.utils._pair(value) for value in (module.kernel_size, module.stride, module.padding))
        kernel, stride, padding = pairs
        return (kernel, stride, padding) if padding == (0, 0) else None
    return None


def _array(tensor: Tensor | None, zeros: int = 0) -> NDArray[np.float32]:
    return np.zeros(zeros, np.float32) if tensor is None else tensor.detach().contiguous().numpy()


def _full(value: float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.full(shape, value, np.float32)
