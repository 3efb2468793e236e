"""Chains converted: each gives what its ANN gives, or is refused with the reason."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pipeline.config.catalogues import read_yaml
from pipeline.nets.convert import convert
from pipeline.nets.forward import activations, forward, forward_features
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.qcfs import QCFS
from tests.nets.blocks import gentle
from tests.networks import NETWORKS, entry, made

LEVELS = 8
# What makes an entry small enough for a test, and its sums exact: averages over powers of 2.
SIDES = {"vgg-snn": 16, "snn-5": 32, "plif-4": 16, "plif-5": 32, "vgg-11": 16, "vgg-9": 16, "vgg-16": 32,
         "ta-snn-5": 64, "ta-snn-5-48": 32, "ta-snn-3": 16}  # fmt: skip
CHAINS = [name for name, options in read_yaml(NETWORKS).items() if options["kind"] == "chain"]


def ann(name: str, **changes: object) -> nn.Module:
    """Return a narrow ANN of an entry whose activations are never driven beyond λ nor below 0; see `gentle`."""
    options = {"width": 1 / 16, "norm_weight": 1.0, **changes}
    if "voters" in entry(name):
        options["voters"] = 2
    net = made(name, 4, (SIDES[name],) * 2, lambda: QCFS(LEVELS, 1.0), torch.Generator().manual_seed(0), **options)
    return gentle(net, 0.5)


def constant(side: int) -> Tensor:
    frame = torch.randint(0, 2, (1, 4, 2, side, side), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    # From few events to many, so that answers differ.
    frame[0, 0, :, side // 4 :] = frame[0, 1, :, : side // 2] = 0
    return frame.expand(LEVELS, -1, -1, -1, -1)


@pytest.mark.parametrize("name", SIDES)
def test_a_converted_chain_equals_its_ann_at_t_l_for_constant_input(name: str) -> None:
    net = ann(name, pool="average")
    snn, x = convert(net), constant(SIDES[name])
    names = [activation for activation, _ in activations(net)]
    with torch.no_grad():
        spikes, wanted = forward(snn, x), forward(net, x)
        rates, levels = (forward_features(each, x, names)[1] for each in (snn, net))
    assert torch.equal(spikes.mean(0), wanted.mean(0)) and not torch.equal(spikes, wanted)
    assert len(wanted[0].unique()) > 1
    for layer in names:
        assert torch.equal(rates[layer], levels[layer]) and len(rates[layer].unique()) > 1, layer


@pytest.mark.parametrize("name", ["plif-4", "plif-5"])
def test_max_pools_are_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"maximum.*pool: average.*found layers\.pool1 \(MaxPool2d\), layers\.pool2"):
        convert(ann(name))


def test_the_maximum_of_spikes_is_no_spikes_of_the_maximum() -> None:
    """Two neurons at a quarter and at half of θ fire in turn, in three of four steps together."""
    current = torch.tensor([0.25, 0.5]).view(1, 1, 1, 1, 2).expand(4, -1, -1, -1, -1)
    pool, spikes = nn.MaxPool2d((1, 2)), IF(1.0)(current)
    assert spikes.mean(0).flatten().tolist() == QCFS(4, 1.0)(current[0]).flatten().tolist() == [0.25, 0.5]
    assert pool(QCFS(4, 1.0)(current[0])).item() == 0.5
    assert torch.stack([pool(step) for step in spikes]).mean().item() == 0.75


def test_every_chain_of_the_catalogue_is_held_or_refused_here() -> None:
    # Those that shrink their steps are in tests/nets/test_shrink.py.
    assert set(CHAINS) - set(SIDES) == {"ssnn", "ssnn-10"}
