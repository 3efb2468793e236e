"""Spikformer: its sizes, its parts against SpikingJelly's, its attention by formula, what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from spikingjelly.activation_based import functional, neuron
from spikingjelly.activation_based import layer as jelly
from spikingjelly.activation_based.model import spikformer as jelly_spikformer
from torch import Tensor, nn

from pipeline.config.network import Network
from pipeline.evaluation.operations import count_operations
from pipeline.nets import build as nets_build
from pipeline.nets.convert import convert
from pipeline.nets.fold import folded
from pipeline.nets.forward import activations, forward
from pipeline.nets.layers._product import AttentionProduct
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.lif import LIF
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.models._parts import Activation
from pipeline.nets.models.spikformer import Options, build
from pipeline.pieces import checked
from pipeline.runtime.hardware import Hardware
from tests.nets import invariants
from tests.nets.invariants import frames

CPU = Hardware(torch.device("cpu"), "fp32")
ENTRIES = yaml.safe_load(Path("params/networks.yaml").read_text(encoding="utf-8"))
SMALL = {"channels": 16, "heads": 4, "pools": 2}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def own(_: int, factor: float = 1.0) -> nn.Module:
    """Make the authors' neuron."""
    return neuron.LIFNode(2.0, v_threshold=factor, detach_reset=True, step_mode="m")


def small(activation: Activation = own, side: int = 8, **settings: Any) -> nn.Sequential:
    return build(Options(**{**SMALL, **settings}), 3, (side, side), activation, seeded())


@torch.no_grad()
def lively(net: nn.Module, eps: float = 0.0) -> nn.Module:
    """Set weights and biases of norms with which neurons fire; all are sixteenths, so that sums are exact."""
    random = seeded()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps
            nn.init.uniform_(module.weight, 1.0, 3.0, random)
            nn.init.uniform_(module.bias, 0.0, 2.5, random)
            nn.init.uniform_(module.running_mean, -0.2, 0.2, random)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.copy_((value * 16).round() / 16)
    return net.eval()


@pytest.mark.parametrize(("entry", "count"), [("spikformer-2-256", 2_566_666), ("spikformer-4-256", 4_151_818)])
def test_the_authors_networks_have_their_parameters(entry: str, count: int) -> None:
    with torch.device("meta"):
        net = build(checked("nets.models", ENTRIES[entry]), 10, (128, 128), own)
    assert sum(parameter.numel() for parameter in net.parameters()) == count


@pytest.mark.parametrize(
    ("entry", "side", "tokens"),
    [("spikformer-2-256", 128, 8), ("spikformer-2-256-48", 48, 6), ("spikformer-2-256-48", 34, 5)],
)
def test_pools_leave_tokens(entry: str, side: int, tokens: int) -> None:
    net = build(checked("nets.models", {**ENTRIES[entry], "width": 1 / 16, "blocks": 1}), 3, (side, side), own)
    seen: list[tuple[int, ...]] = []
    net.layers.position.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape)))
    forward(net, frames(2, 1, side))
    assert seen == [(2, 1, 16, tokens, tokens)]


def weighted(net: nn.Module) -> list[nn.Module]:
    kinds = nn.Conv1d | nn.Conv2d | nn.BatchNorm1d | nn.BatchNorm2d | nn.Linear
    return [module for module in net.modules() if isinstance(module, kinds)]


def carried(ours: nn.Module, theirs: nn.Module) -> None:
    """Copy the weights of ours to theirs; biases that theirs lack must be 0."""
    for mine, other in zip(weighted(ours), weighted(theirs), strict=True):
        if isinstance(other, nn.BatchNorm1d | nn.BatchNorm2d):
            other.eps = 0.0
        for name, value in mine.state_dict().items():
            if name in other.state_dict():
                other.state_dict()[name].copy_(value.view_as(other.state_dict()[name]))
            else:
                assert name == "bias" and not value.any()


@torch.no_grad()
def test_a_block_is_spikingjellys_at_its_scale() -> None:
    ours = lively(small(scale=0.125)).layers.block1
    theirs = jelly_spikformer.SpikformerBlock(16, 4).eval()
    carried(ours, theirs)
    functional.set_step_mode(theirs, "m")
    x = torch.randint(0, 3, (5, 2, 16, 3, 4), generator=seeded()).float()
    found, wanted = ours(x), theirs(x)
    assert torch.equal(found, wanted) and len((found - x).unique()) == 3


@torch.no_grad()
def test_the_attention_is_spikingjellys_at_its_scale() -> None:
    ours = lively(small(scale=0.125)).layers.block1.attention.body
    theirs = jelly.SpikingSelfAttention(16, 4)
    carried(ours, theirs.eval())
    functional.set_step_mode(theirs, "m")
    x = torch.randint(0, 3, (5, 2, 16, 3, 4), generator=seeded()).float()
    found = ours(x)
    assert torch.equal(found.flatten(3), theirs(x.flatten(3))) and 0.1 < found.mean() < 0.9


@torch.no_grad()
def test_the_network_is_spikingjellys_in_one_step() -> None:
    """In the first step a neuron's spikes are those of the larger current, so that pools may stand on either side."""
    ours = lively(small(side=32, scale=0.125, pools=4))
    theirs = jelly_spikformer.Spikformer(1, 2, 32, 32, 16, 3, 16, 4, 4.0, 2).eval()
    carried(ours, theirs)
    x = frames(1, 4, 32)
    found = forward(ours, x)
    assert torch.equal(found, theirs(x.float()))
    assert len(found.unique()) > 6


def by_formula(x: Tensor, heads: int, scale: float) -> Tensor:
    """Return the attention of one recording and step, x [3C, tokens], token by token."""
    q, k, v = x.double().chunk(3)
    out, each = torch.zeros_like(q), len(q) // heads
    for head in range(heads):
        place = slice(head * each, (head + 1) * each)
        for token in range(x.shape[1]):
            for other in range(x.shape[1]):
                out[place, token] += (q[place, token] @ k[place, other]) * v[place, other] * scale
    return out


def test_the_product_by_its_formula_and_each_step_by_itself() -> None:
    product, x = AttentionProduct(2, 0.25), torch.randint(0, 2, (3, 2, 12, 2, 3), generator=seeded()).float()
    found = product(x)
    assert found.shape == (3, 2, 4, 2, 3)
    for step in range(3):
        for sample in range(2):
            wanted = by_formula(x[step, sample].flatten(1), 2, 0.25)
            assert torch.equal(found[step, sample].flatten(1).double(), wanted)
    assert torch.equal(product(x[1]), found[1])
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(product(x.bfloat16()), found)


def test_operations_of_the_product_by_hand() -> None:
    # Two heads of one channel, three tokens: q, k, v of head 0, of head 1.
    q, k, v = [[1, 1, 0], [0, 0, 1]], [[1, 0, 1], [1, 1, 1]], [[1, 1, 0], [0, 1, 1]]
    x = torch.tensor([*q, *k, *v]).float().view(1, 1, 6, 1, 3)
    # k and v meet at token 0 in head 0, at tokens 1 and 2 in head 1; q has three spikes.
    assert AttentionProduct(2, 0.25).operations(x) == (0, 1 + 2 + 3)
    # Sent as s·θ they are spikes all the same.
    assert AttentionProduct(2, 0.25).operations(x * 0.3) == (0, 6)
    # One head of two channels: at token 0 2 x 1, at token 1 1 x 2, at token 2 2 x 1; a spike of q adds two numbers.
    assert AttentionProduct(1, 0.25).operations(x) == (0, 2 + 2 + 2 + 3 * 2)
    assert AttentionProduct(1, 0.25).operations(torch.rand(1, 1, 6, 1, 3)) == (2 * 2 * 2 * 3, 0)


@torch.no_grad()
def test_operations_are_one_for_each_spike_and_synapse() -> None:
    net, x = lively(small()), frames(4, 2)
    counted = {entry.name: entry for entry in count_operations(net, x.transpose(0, 1).numpy(), 2, CPU, "t")}
    net, entered = folded(net), {}
    layers = dict(net.layers.named_modules())
    known = {name: module for name, module in layers.items() if isinstance(module, nn.Conv2d | nn.Linear)}
    products = {name: module for name, module in layers.items() if isinstance(module, AttentionProduct)}
    for name, module in {**known, **products}.items():
        module.register_forward_hook(lambda _, inputs, __, name=name: entered.update({name: inputs[0]}))
    forward(net, x)
    assert counted.keys() >= entered.keys() and len(products) == 2
    for name, module in known.items():
        spikes, ones = entered[name].flatten(0, 1), torch.ones_like(module.weight)
        if isinstance(module, nn.Linear):
            # Four tokens were averaged.
            reached = 4 * (spikes @ ones.T)
        else:
            reached = nn.functional.conv2d(spikes, ones, None, module.stride, module.padding)
        if name == "conv1":
            assert counted[name].macs == module.weight[0].numel() * reached.numel() / 2
        else:
            assert counted[name].macs == 0 and counted[name].synops == pytest.approx(reached.sum().item() / 2), name
            assert counted[name].synops > 0
    # What enters behind a sum is the number of its spikes.
    assert entered["block2.attention.body.qkv"].max() > 2
    for name, product in products.items():
        assert (counted[name].macs, 2 * counted[name].synops) == product.operations(entered[name])
    rates = [counted[f"{name}_act"].firing_rate for name in products]
    assert all(rate is not None and 0 < rate < 1 for rate in rates)


def test_the_attentions_neuron_has_a_threshold_of_its_own() -> None:
    model = {"kind": "spikformer", **SMALL}
    settings = {"kind": "lif", "threshold": 0.8, "train_threshold": True}
    net = nets_build.build(Network(model=model, activation=settings), 3, (8, 8), seeded())
    found = {name: module.threshold.item() for name, module in activations(net)}
    behind = [found.pop(f"block{number}.attention.body.product_act") for number in (1, 2)]
    assert behind == pytest.approx([0.4, 0.4])
    assert list(found.values()) == pytest.approx([0.8] * 13)
    node = nets_build.build(Network(model=model, activation={"kind": "plif"}), 3, (8, 8), seeded())
    assert node.layers.block1.attention.body.product_act.v_threshold == 0.5
    with pytest.raises(ValueError, match="dropout is no neuron"):
        nets_build.build(Network(model=model, activation={"kind": "dropout"}), 3, (8, 8), seeded())


@pytest.mark.parametrize("activation", [own, lambda _, factor=1.0: IF(factor)])
def test_the_invariants_hold(activation: Activation) -> None:
    net, x, other = lively(small(activation)), frames(6), frames(6, seed=5, most=9)
    invariants.no_activation_is_silent(net, x)
    invariants.recordings_do_not_influence_each_other(net, x, other)
    invariants.answers_do_not_depend_on_later_frames(net, x, other)
    invariants.single_steps_are_the_sequence(net, x)


@pytest.mark.parametrize(
    "activation",
    [own, lambda _, factor=1.0: LIF(factor), lambda _, factor=1.0: QCFS(4, factor)],
)
def test_every_parameter_learns(activation: Activation) -> None:
    net = lively(small(activation), 1e-5)
    invariants.every_parameter_learns(net, frames(4))


def test_it_is_not_converted() -> None:
    ann = small(lambda _, factor=1.0: QCFS(4, factor))
    with pytest.raises(
        ValueError, match=r"product of their means.*init: random.*block1\S+product \(AttentionProduct\)"
    ):
        convert(ann)
    assert forward(ann, frames(2)).shape == (2, 3, 3)


def test_norms_fold() -> None:
    net = lively(small(lambda *_: nn.Tanh()))
    made, x = folded(net), frames(3)
    assert not [module for module in made.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        torch.testing.assert_close(forward(made, x), forward(net, x), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("bad", "message"), [({"pools": 5}, "pools"), ({"heads": 0}, "heads"), ({"scale": 0.0}, "scale")]
)
def test_impossible_options_are_refused(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked("nets.models", {"kind": "spikformer", **bad})


@pytest.mark.parametrize(("channels", "heads"), [(20, 4), (16, 3)])
def test_channels_that_cannot_be_shared_out_are_refused(channels: int, heads: int) -> None:
    with pytest.raises(ValueError, match=rf"{channels} channels \(\d+ x width 1.0\) are no multiple of {heads} heads"):
        small(channels=channels, heads=heads)
