"""A network as a tree of modules: which of them conversion, folding and counting know, and copies of it.

Known are, by the forward they run (a subclass with a forward of its own is another layer):

* activations: QCFS and spiking neurons, ours or SpikingJelly's;
* torch's and SpikingJelly's convolutions, linear layers, batch and group norms, pools, flatten, dropout, votes,
  upsampling, layers that sum or repeat time steps, and the smooth activations of torch in SMOOTH;
* a layer with a method `operations`, which says what it costs;
* containers: modules with children, all of them known, and no parameters, buffers or memories of their own. What their
  forward does with its children's tensors (adding, concatenating, calling them in any order) is theirs, but matrix
  products: counting refuses those.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

from spikingjelly.activation_based import base, functional, layer, neuron
from torch import Tensor, nn

from pipeline.nets.layers._spiking import FusedNeuron
from pipeline.nets.layers.hold import Hold
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.layers.shrink import Shrink
from pipeline.nets.layers.vote import Vote

SPIKING = (FusedNeuron, neuron.BaseNode)
SMOOTH = (nn.ReLU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid)
# Layers with weights, and average pools, by their names in torch.nn; SpikingJelly's are subclasses.
SYNAPSES = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)
AVERAGES = (
    nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
)  # fmt: skip
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm)
OTHERS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.Flatten, nn.Upsample, nn.Dropout, nn.Identity)
# SpikingJelly's own, which are no subclasses of torch's under the same name, and ours.
MORE = (
    Vote, Shrink, Hold,
    layer.WSConv2d, layer.WSLinear, layer.Dropout, layer.Dropout2d, layer.VotingLayer,
    layer.ThresholdDependentBatchNorm1d, layer.ThresholdDependentBatchNorm2d, layer.ThresholdDependentBatchNorm3d,
    layer.TemporalEffectiveBatchNorm1d, layer.TemporalEffectiveBatchNorm2d, layer.TemporalEffectiveBatchNorm3d,
)  # fmt: skip
# Containers whose children do not see the steps as [T, N, ...].
HIDING = (
    layer.SeqToANNContainer, layer.MultiStepContainer, layer.StepModeContainer, layer.TLastSeqToANNContainer,
    layer.TLastMultiStepContainer,
)  # fmt: skip
_TORCH = (*SMOOTH, *SYNAPSES, *AVERAGES, *NORMS, *OTHERS)
_FORWARDS = {kind.forward for kind in (*_TORCH, *MORE)} | {
    getattr(layer, kind.__name__).forward for kind in _TORCH if hasattr(layer, kind.__name__)
}


def is_activation(module: nn.Module) -> bool:
    """Return whether a module is QCFS or a spiking neuron."""
    return isinstance(module, (QCFS, *SPIKING))


def leaves(net: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield names and modules of the known layers of a network, each path to a shared one by itself.

    Raises:
        ValueError: a module is not known; it is named with its class.
    """
    if is_activation(net) or callable(getattr(net, "operations", None)) or type(net).forward in _FORWARDS:
        yield prefix, net
        return
    own = (*net._parameters.values(), *net._buffers.values(), *getattr(net, "_memories", ()))
    children = [(name, child) for name, child in net._modules.items() if child is not None]
    if any(value is not None for value in own) or not (children or isinstance(net, nn.Sequential)):
        raise ValueError(
            f"unknown module {prefix or 'net'} ({type(net).__module__}.{type(net).__qualname__}): a layer of one's own "
            "needs a method operations(x) that returns its multiply-accumulates; see pipeline.nets.tree"
        )
    for name, child in children:
        yield from leaves(child, f"{prefix}.{name}" if prefix else name)


def duplicate(net: nn.Module) -> nn.Module:
    """Return a deep copy whose neurons are at v(0); it shares nothing with the network, which is left as it was."""
    # A membrane with a graph behind it cannot be copied, and need not be.
    memo = {id(value): None for value in base.memories(net) if isinstance(value, Tensor)}
    copied = copy.deepcopy(net, memo)
    functional.reset_net(copied)
    # Its children may be replaced, and SpikingJelly remembers those it reset.
    functional.invalidate_reset_cache(copied)
    return copied
