"""Residual networks: their sizes, their blocks by formula, conversion, folding, operations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from pipeline.config.network import Network
from pipeline.evaluation.operations import count_operations
from pipeline.nets.build import build as built
from pipeline.nets.convert import convert
from pipeline.nets.fold import folded
from pipeline.nets.forward import activations, forward, forward_features
from pipeline.nets.layers import glif
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.lif import LIF
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.models._blocks import Blocks
from pipeline.nets.models._parts import Activation
from pipeline.nets.models.resnet import Options, build
from pipeline.pieces import checked
from pipeline.runtime.hardware import Hardware
from tests.nets import invariants
from tests.nets.blocks import gentle
from tests.nets.invariants import frames

CPU = Hardware(torch.device("cpu"), "fp32")
LEVELS = 8
ENTRIES = yaml.safe_load(Path("params/networks.yaml").read_text(encoding="utf-8"))
# Two blocks, of which the second has other channels and half the size.
KINDS: dict[str, dict[str, Any]] = {
    "basic": {"stages": [[4, 1, 1], [8, 1, 2], "p"], "global_pool": False, "hidden": [16], "head": "spiking"},
    "sew": {"block": "sew", "stages": [[4, 1, 1], [8, 1, 2]]},
    "before": {"block": "sew", "change": "before", "stages": [[4, 1, 1], "p", [8, 1, 1], "p"], "global_pool": False},
    "preact": {"block": "preact", "stages": [[4, 1, 1], [8, 1, 2]]},
}
# Pixels of the average pool before a layer.
POOLED = {"basic": {"fc1": 4}, "sew": {"fc": 16}, "before": {"change2.conv": 4, "fc": 4}, "preact": {}}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(kind: str, activation: Activation) -> nn.Sequential:
    stem = {"channels": 4, "active": kind != "preact"}
    return build(Options.model_validate({"stem": stem, **KINDS[kind]}), 3, (8, 8), activation, seeded())


def calm(net: nn.Sequential, weight: float = 0.25) -> nn.Sequential:
    """Return it with exact sums, see `gentle`; its linear layers have biases."""
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
    gentle(net, weight)
    return net


def parameters(options: Any, classes: int, side: int = 48, activation: Activation = lambda _: nn.ReLU()) -> int:
    with torch.device("meta"):
        net = build(options, classes, (side, side), activation)
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize(
    ("entry", "classes", "side", "count"),
    [
        ("resnet-19", 10, 42, 12_696_842), ("resnet-19", 101, 48, 12_720_229), ("resnet-19-linear", 10, 48, 12_696_842),
        ("resnet-17", 11, 32, 1_375_499), ("resnet-18", 10, 48, 11_173_386), ("resnet-18-preact", 10, 48, 11_172_490),
        ("wide-7b", 10, 48, 1_202_442),
    ],
)  # fmt: skip
def test_the_systems_networks_have_their_parameters(entry: str, classes: int, side: int, count: int) -> None:
    assert parameters(checked("nets.models", ENTRIES[entry]), classes, side) == count


def test_resnet_19_with_the_released_stem_has_fewer() -> None:
    options = checked("nets.models", {**ENTRIES["resnet-19"], "stem": {"channels": 64}})
    assert parameters(options, 10) == 12_630_282


def test_glif_adds_7_and_a_conductance_a_step_for_each_channel() -> None:
    options = checked("nets.models", ENTRIES["wide-7b"])
    net = build(options, 10, (48, 48), lambda channels: glif.build(glif.Options(), channels, 16))
    assert sum(parameter.numel() for parameter in net.parameters()) == 1_202_442 + 33_856


def test_width_is_a_factor_on_channels_and_units() -> None:
    options = checked("nets.models", {**ENTRIES["resnet-19"], "width": 1 / 8})
    wanted = Options.model_validate(
        {"stem": {"channels": 16}, "stages": [[16, 3, 1], [32, 3, 2], [64, 2, 2]], "hidden": [32]}
    )
    assert parameters(options, 10) == parameters(wanted, 10)


def normed(x: Tensor, row: nn.Sequential, name: str, weight: float) -> Tensor:
    """Return batch norm in training, without its module."""
    variance, mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
    return weight * (x - mean) / (variance + row.get_submodule(name).eps).sqrt()


def convolved(x: Tensor, row: nn.Sequential, name: str) -> Tensor:
    module = row.get_submodule(name)
    return nn.functional.conv2d(x, module.weight, None, module.stride, module.padding)


@pytest.mark.parametrize(("inputs", "stride"), [(4, 1), (4, 2), (8, 1)])
@pytest.mark.parametrize("kind", ["basic", "sew", "preact"])
def test_blocks_by_their_formulas(kind: str, inputs: int, stride: int) -> None:
    weight, factor = 0.8, 0.7
    block = getattr(Blocks(lambda _: nn.ReLU(), weight, factor), kind)(inputs, 8, stride)
    functional.set_step_mode(block, "m")
    x = torch.randn(2, 2, inputs, 6, 6, generator=torch.Generator().manual_seed(0))
    add = block.add if kind == "basic" else block
    y, straight, body, shortcut = x.flatten(0, 1), x.flatten(0, 1), add.body, add.shortcut
    assert len(shortcut) == (0 if inputs == 8 else 3 - (kind == "basic") + (stride > 1))
    if kind == "preact":
        for number in "12":
            y = convolved(normed(y, body, f"bn{number}", weight).relu(), body, f"conv{number}")
        if inputs != 8:
            straight = normed(straight, shortcut, "bn", weight).relu()
            straight = convolved(straight[..., ::stride, ::stride], shortcut, "conv")
        wanted = straight + y
    else:
        last = weight * factor if kind == "basic" else weight
        y = normed(convolved(y, body, "conv1"), body, "bn1", weight).relu()
        y = normed(convolved(y, body, "conv2"), body, "bn2", last)
        if inputs != 8:
            straight = convolved(straight[..., ::stride, ::stride], shortcut, "conv")
            straight = normed(straight, shortcut, "bn", last)
            straight = straight if kind == "basic" else straight.relu()
        wanted = (straight + y).relu() if kind == "basic" else straight + y.relu()
    torch.testing.assert_close(block(x).flatten(0, 1), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_the_converted_network_equals_its_ann_at_t_l_for_constant_input(kind: str) -> None:
    ann = calm(small(kind, lambda _: QCFS(LEVELS, 1.0)))
    for module in ann.layers:
        if isinstance(module, nn.Linear):
            # Averages are small: no unit is driven beyond 1 with weights of a half.
            module.weight.data.mul_(2)
    names = [name for name, _ in activations(ann)]
    nn.init.constant_(ann.layers.get_submodule(names[0]).threshold, 0.5)
    snn, x = convert(ann), frames(1, 8, most=2).expand(LEVELS, -1, -1, -1, -1)
    with torch.no_grad():
        spikes, wanted = forward(snn, x), forward(ann, x)
        rates, levels = forward_features(snn, x, names)[1], forward_features(ann, x, names)[1]
    assert torch.equal(spikes.mean(0), wanted.mean(0)) and len(wanted.unique()) > 3
    assert len(spikes.unique(dim=0)) > 1
    for name in names:
        # In each layer, too, and no layer is silent or says one thing only.
        assert torch.equal(rates[name], levels[name]) and len(rates[name].unique()) > 1, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("neuron", [lambda _: IF(1.0), lambda _: LIF(0.5)])
def test_the_invariants_hold(kind: str, neuron: Activation) -> None:
    net, x, other = calm(small(kind, neuron), 0.5), frames(6, most=2), frames(6, seed=5, most=3)
    invariants.no_activation_is_silent(net, x)
    invariants.recordings_do_not_influence_each_other(net, x, other)
    invariants.answers_do_not_depend_on_later_frames(net, x, other)
    invariants.single_steps_are_the_sequence(net, x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", [lambda _: QCFS(4, 1.0), lambda _: IF(0.2), lambda _: LIF(0.2)])
def test_every_parameter_learns(kind: str, activation: Activation) -> None:
    invariants.every_parameter_learns(small(kind, activation), frames(4))


@pytest.mark.parametrize("entry", ["resnet-19", "resnet-19-linear", "resnet-17", "resnet-18"])
def test_tdbns_networks_learn_from_the_start(entry: str) -> None:
    """With its neuron; the units of the linear layers are silent then, and their surrogate's window is narrow."""
    settings = {"kind": "lif", "decay": 0.25, "threshold": 0.5, "surrogate": {"kind": "rect", "width": 1.0}}
    model = checked("nets.models", {**ENTRIES[entry], "width": 1 / 8})
    net = built(Network(model=model, activation={**settings, "output": "spike"}), 4, (16, 16), seeded())
    nn.functional.cross_entropy(forward(net, frames(2, 4, 16)).mean(0), torch.arange(4)).backward()
    assert net.layers.conv1.weight.grad.any()


@pytest.mark.parametrize(("kind", "left"), [("basic", 0), ("sew", 0), ("before", 0), ("preact", 4)])
def test_norms_behind_their_convolutions_fold(kind: str, left: int) -> None:
    net, x = small(kind, lambda _: nn.Tanh()).train(), frames(3)
    for seed in range(10):
        forward(net, frames(2, seed=seed))
    made = folded(net.eval())
    assert sum(isinstance(module, nn.BatchNorm2d) for module in made.modules()) == left
    with torch.no_grad():
        torch.testing.assert_close(forward(made, x), forward(net, x), rtol=1e-4, atol=1e-4)


def test_batch_norms_begin_at_the_threshold_and_those_that_are_added_at_its_root_half() -> None:
    settings = {"stem": {"channels": 2}, "stages": [[2, 1, 1], [4, 1, 2]], "norm_weight": 0.5, "sum_weight": 0.5**0.5}
    net = build(Options.model_validate(settings), 3, (8, 8), lambda _: IF())
    found = {name: module.weight for name, module in net.layers.named_modules() if isinstance(module, nn.BatchNorm2d)}
    added = {"block1.add.body.bn2", "block2.add.body.bn2", "block2.add.shortcut.bn"}
    assert found.keys() - added == {"bn1", "block1.add.body.bn1", "block2.add.body.bn1"}
    for name, weight in found.items():
        wanted = 0.5 * 0.5**0.5 if name in added else 0.5
        torch.testing.assert_close(weight, torch.full_like(weight, wanted))


@pytest.mark.parametrize("kind", KINDS)
def test_operations_are_one_for_each_spike_and_synapse(kind: str) -> None:
    net, x = calm(small(kind, lambda _: IF(1.0)), 0.75), frames(4, batch=2)
    entered: dict[str, Tensor] = {}
    counted = {entry.name: entry for entry in count_operations(net, x.transpose(0, 1).numpy(), 2, CPU, "t")}
    synapses = {
        name: module for name, module in net.layers.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)
    }
    for name, module in synapses.items():
        module.register_forward_hook(lambda _, inputs, __, name=name: entered.update({name: inputs[0].flatten(0, 1)}))
    with torch.no_grad():
        forward(net, x)
    for name, module in synapses.items():
        ones = torch.ones_like(module.weight)
        if isinstance(module, nn.Conv2d):
            reached = nn.functional.conv2d(entered[name], ones, None, module.stride, module.padding)
        else:
            reached = entered[name] @ ones.T
        if name == "conv1" or (kind == "preact" and name == "fc"):
            # Event counts, and behind the last norm of preact sums of currents.
            assert (counted[name].macs, counted[name].synops) == (module.weight[0].numel() * reached.numel() / 2, 0)
        else:
            # An average pool before it adds spikes.
            spikes = reached.sum().item() * POOLED[kind].get(name, 1)
            assert counted[name].macs == 0 and counted[name].synops == pytest.approx(spikes / 2) and spikes > 0, name


def test_names_of_the_layers() -> None:
    net = small("before", lambda _: IF())
    assert list(net.layers._modules) == [
        "conv1", "bn1", "act1", "block1", "pool1", "change2", "block2", "pool2", "flatten", "fc",
    ]  # fmt: skip
    names = [name for name, _ in activations(small("basic", lambda _: IF()))]
    assert names == ["act1", "block1.add.body.act1", "block1.act", "block2.add.body.act1", "block2.act", "act2", "act3"]


@pytest.mark.parametrize("kind", KINDS)
def test_attention_goes_behind_blocks(kind: str) -> None:
    model = {"kind": "resnet", "stem": {"channels": 4}, **KINDS[kind], "attention": ["block1", "block2"]}
    network = Network(model=model, activation={"kind": "lif"}, attention={"kind": "tcja"}, steps=4)
    net = built(network, 3, (8, 8), seeded())
    names = list(net.layers._modules)
    assert [names[names.index(f"block{number}") + 1] for number in (1, 2)] == ["tcja_block1", "tcja_block2"]
    assert [net.layers.get_submodule(f"tcja_block{n}").over_channels.in_channels for n in (1, 2)] == [4, 8]
    assert forward(net, frames(4)).shape == (4, 3, 3)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"stages": []}, "stages"),
        ({"stages": ["p"]}, "no blocks"),
        ({"stages": [[64, 2]]}, "stages"),
        ({"stem": {"kernel": 2}}, "odd number of pixels, found 2"),
        ({"block": "sew", "sum_weight": 0.7}, "a block sew adds none"),
        ({"width": 0.0}, "width"),
    ],
)
def test_impossible_options_are_refused(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked("nets.models", {"kind": "resnet", "stages": [[4, 1, 1]], **bad})


def test_a_frame_too_small_is_refused() -> None:
    options = checked("nets.models", ENTRIES["wide-7b"])
    with pytest.raises(ValueError, match=r"\(48, 15\) px are too small"):
        build(options, 10, (48, 15), lambda _: IF())
