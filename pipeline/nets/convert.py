"""ANN to SNN: the same weights, each QCFS becomes an integrate-and-fire neuron with θ = λ (Section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator

from spikingjelly.activation_based import functional
from torch import nn

from pipeline.nets.layers import if_
from pipeline.nets.layers._product import AttentionProduct
from pipeline.nets.layers.hold import Hold
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.layers.shrink import Mixture, Shrink
from pipeline.nets.tree import HIDING, SMOOTH, duplicate, leaves

# What has no spiking counterpart that gives the same after L steps, and why.
REFUSED = (
    (SMOOTH, "only QCFS becomes a spiking neuron"),
    (
        AttentionProduct,
        "the mean over steps of products of spikes is not the product of their means (take init: random)",
    ),
    (
        (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
        "a maximum of spikes is no spikes of the maximum, for neurons that fire in turn send more than the fastest of "
        "them (take pool: average)",
    ),
    ((Shrink, Mixture, Hold), "neurons with fewer time steps than L do not reach all the levels (take no shrink)"),
)


def convert(ann: nn.Module, neuron: if_.Options = if_.Options()) -> nn.Module:  # noqa: B008
    """Return a spiking network of a QCFS network, in multi-step mode; the ANN is left as it was, nothing is shared.

    Args:
        ann: network with QCFS activations, in any nesting.
        neuron: what takes their place; its threshold is λ.

    Raises:
        ValueError: the network has no QCFS, another activation, a product of attention, a max pool, fewer time
            steps somewhere, a module that is not known (see pipeline.nets.tree), or a QCFS in a container that hides
            the steps from it; or the neuron takes over no QCFS.
    """
    if (neuron.reset, neuron.start, neuron.output) != ("soft", 0.5, "scaled"):
        raise ValueError(
            "a QCFS becomes a neuron with reset: soft, start: 0.5, output: scaled (eq. 6-8), found "
            f"{neuron.reset}, {neuron.start}, {neuron.output}"
        )
    found = dict(leaves(ann))
    for kinds, reason in REFUSED:
        refused = [f"{name} ({type(module).__name__})" for name, module in found.items() if isinstance(module, kinds)]
        if refused:
            raise ValueError(f"{reason}, found {', '.join(refused)}")
    if not any(isinstance(module, QCFS) for module in found.values()):
        raise ValueError("nothing to convert: the network has no QCFS activation")
    snn = duplicate(ann)
    for name, parent, attribute, layer in list(_quantisers(snn)):
        if isinstance(parent, HIDING):
            raise ValueError(f"{name} stands in a {type(parent).__name__}, where a neuron sees no steps")
        threshold = layer.positive_threshold().item()
        made = if_.build(neuron.model_copy(update={"threshold": threshold}))
        setattr(parent, attribute, made.to(layer.threshold.device))
    functional.set_step_mode(snn, "m")
    return snn


def _quantisers(net: nn.Module) -> Iterator[tuple[str, nn.Module, str, QCFS]]:
    """Yield name, parent, attribute and module of each QCFS; a shared one at each of its places."""
    for path, parent in net.named_modules():
        for name, child in parent._modules.items():
            if isinstance(child, QCFS):
                yield f"{path}.{name}", parent, name, child
