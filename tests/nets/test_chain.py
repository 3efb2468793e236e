"""Chains: the order and the names of their layers, the notation, and sizes that are known."""

from __future__ import annotations

import pytest
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from spikingjelly.activation_based.model import parametric_lif_net
from torch import Tensor, nn

from pipeline.nets.fold import folded
from pipeline.nets.forward import activations, forward
from pipeline.nets.layers import plif
from pipeline.nets.layers.if_ import IF
from pipeline.pieces import checked
from tests.networks import made

SMALL = {"layers": [4, "p", 6, 6, "p"], "width": 1.0, "attention": []}


def small(**options: object) -> nn.Module:
    return made("vgg-snn", 3, (9, 8), lambda: IF(0.3), torch.Generator().manual_seed(0), **{**SMALL, **options})


def names(net: nn.Module) -> list[str]:
    return [name for name, _ in net.layers.named_children()]


def frames(steps: int = 4, batch: int = 2, size: tuple[int, int] = (9, 8)) -> Tensor:
    return torch.randint(0, 4, (steps, batch, 2, *size), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("name", "classes", "side", "count"),
    [
        ("vgg-snn", 10, 48, 9_271_498), ("snn-5", 11, 128, 1_699_566), ("vgg-11", 10, 48, 9_230_538),
        ("vgg-11", 101, 48, 9_277_221), ("vgg-9", 10, 48, 9_230_538), ("vgg-16", 10, 48, 14_727_690),
        ("ta-snn-5", 10, 128, 2_097_918), ("ta-snn-3", 11, 32, 2_324_065),
        # But for the scalar w of each PLIF layer.
        ("plif-4", 10, 128, 17_427_718 - 6), ("plif-5", 11, 128, 1_698_311 - 7),
    ],
)  # fmt: skip
def test_sizes_are_the_published(name: str, classes: int, side: int, count: int) -> None:
    with torch.device("meta"):
        net = made(name, classes, (side, side))
    assert sum(parameter.numel() for parameter in net.parameters()) == count


def test_plif_has_a_weight_of_its_own_in_each_layer() -> None:
    for name, classes, count in (("plif-4", 10, 17_427_718), ("plif-5", 11, 1_698_311)):
        with torch.device("meta"):
            net = made(name, classes, (128, 128), lambda: plif.build(plif.Options()))
        assert sum(parameter.numel() for parameter in net.parameters()) == count


def test_plifs_network_is_spikingjellys_but_for_its_biases() -> None:
    """Fed the same weights, at a thirty-second of the width: SpikingJelly has 512 hidden units, and biases there."""
    torch.manual_seed(0)
    theirs = parametric_lif_net.DVSGestureNet(
        4, neuron.ParametricLIFNode, surrogate_function=surrogate.ATan(), detach_reset=True
    )
    functional.set_step_mode(theirs, "m")
    ours = made(
        "plif-5", 11, (128, 128), lambda: plif.build(plif.Options()), width=1 / 32, hidden=[512 * 32], fc_bias=True
    )  # fmt: skip
    for module in theirs.modules():
        # So that spikes reach the votes.
        if isinstance(module, nn.BatchNorm2d | nn.Linear):
            nn.init.constant_(module.bias, 0.5)
            module.weight.data.mul_(4.0)
    own, other = ours.state_dict(), theirs.state_dict()
    assert [value.shape for value in own.values()] == [value.shape for value in other.values()]
    ours.load_state_dict(dict(zip(own, other.values(), strict=True)))
    x = frames(4, 1, (128, 128))
    with torch.no_grad():
        found, expected = forward(ours.eval(), x), forward(theirs.eval(), x)
    torch.testing.assert_close(found, expected)
    assert len(found.unique()) > 3


def test_layers_stand_in_the_order_that_is_written() -> None:
    body = ["conv1", "bn1", "act1", "pool1", "conv2", "bn2", "act2", "conv3", "bn3", "act3", "pool2"]
    assert names(small()) == [*body, "flatten", "fc"]
    assert names(small(dropout=0.5, voters=2)) == [*body, "flatten", "drop1", "fc", "vote"]
    assert names(small(hidden=[8, 0.5], head="spiking", fc_norm=True, global_pool=True)) == [
        *body, "global_pool", "flatten", "fc1", "bn4", "act4", "fc2", "bn5", "act5", "fc3", "bn6", "act6",
    ]  # fmt: skip
    late = names(small(order="pool-act", layers=[4, "p", 6, 6, "p", "p"], hidden=[8]))
    assert late == ["conv1", "bn1", "pool1", "act1", "conv2", "bn2", "act2", "conv3", "bn3", "pool2", "pool3", "act3",
                    "flatten", "fc1", "act4", "fc2"]  # fmt: skip


def test_each_option_reaches_its_layers() -> None:
    net = small(
        layers=[4, "p", 6, "p4"], pool="max", bias=False, norm_weight=0.5, width=0.5, hidden=[8, 0.25], fc_bias=False,
        fc_norm=True, dropout=0.25, voters=5,
    ).layers  # fmt: skip
    assert [net.conv1.out_channels, net.conv2.in_channels, net.conv2.out_channels] == [2, 2, 3]
    assert isinstance(net.pool1, layer.MaxPool2d) and (net.pool1.kernel_size, net.pool2.kernel_size) == (2, 4)
    # 9 x 8 px become 1 x 1; a share is of the inputs, which the width has had; the votes are as many at any width.
    assert [(fc.in_features, fc.out_features) for fc in (net.fc1, net.fc2, net.fc3)] == [(3, 4), (4, 1), (1, 15)]
    synapses = [module for module in net if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(synapses) == 5 and all(module.bias is None for module in synapses)
    norms = [module for module in net if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert len(norms) == 4 and all((norm.weight == 0.5).all() for norm in norms)
    assert [net.drop1.p, net.drop3.p, net.vote.voters] == [0.25, 0.25, 5]


@pytest.mark.parametrize(
    "options",
    [
        {}, {"order": "pool-act", "head": "spiking", "hidden": [8], "fc_norm": True, "voters": 2},
        {"pool": "max", "bias": False, "fc_bias": False, "dropout": 0.5}, {"global_pool": True, "norm_weight": 0.5},
    ],
)  # fmt: skip
def test_it_learns_and_folds(options: dict) -> None:
    net = small(**options)
    out = forward(net, frames())
    assert out.shape == (4, 2, 3)
    out.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    # Smooth, as else rounding would make a spike of it.
    net = made("vgg-snn", 3, (9, 8), nn.Tanh, torch.Generator().manual_seed(0), **{**SMALL, **options})
    for _ in range(3):
        forward(net.train(), frames(8))
    fixed = folded(net.eval())
    assert not [module for module in fixed.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    with torch.no_grad():
        torch.testing.assert_close(forward(fixed, frames()), forward(net, frames()))


def test_a_spiking_head_sends_what_its_neurons_send_and_the_vote_is_their_mean() -> None:
    net, seen = small(head="spiking", voters=4).eval(), []
    assert [name for name, _ in activations(net)] == ["act1", "act2", "act3", "act4"]
    net.layers.act4.register_forward_hook(lambda _, __, out: seen.append(out))
    with torch.no_grad():
        out = forward(net, frames())
    assert seen[0].shape == (4, 2, 12) and set(seen[0].unique().tolist()) <= {0.0, IF(0.3).threshold.item()}
    torch.testing.assert_close(out, seen[0].unflatten(-1, (3, 4)).mean(-1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": [64, "q"]}, r"layers\.1: unknown layer 'q'; 64 is a convolution.*p4 one of 4 x 4"),
        ({"layers": [64, "p1"]}, r"layers\.1: unknown layer 'p1'"), ({"layers": [0]}, r"layers\.0: unknown layer 0"),
        ({"layers": [True]}, "unknown layer True"), ({"layers": [64.0]}, "unknown layer 64.0"),
        ({"layers": ["p"]}, r"layers: no convolution among \['p'\]"), ({"layers": []}, "layers: .*at least 1"),
        ({"hidden": [1.5]}, r"hidden\.0: expected how many units, or which share.*found 1.5"),
        ({"hidden": [0]}, r"hidden\.0: .*found 0"), ({"head": "vote"}, "head: .*'linear' or 'spiking', found 'vote'"),
        ({"pool": "mean"}, "pool: "), ({"order": "act"}, "order: "), ({"norm_weight": 0.0}, "norm_weight"),
        ({"voters": 0}, "voters"), ({"dropout": 1.0}, "dropout"), ({"channels": 3}, "has no option 'channels'"),
    ],
)  # fmt: skip
def test_what_is_no_chain_is_refused_by_name(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked("nets.models", {"kind": "chain", "layers": [4], **options})


def test_frames_too_small_for_the_pools_are_refused() -> None:
    for global_pool in (False, True):
        with pytest.raises(ValueError, match=r"frames of \(9, 8\) px are too small for 3 poolings; at least 16"):
            small(layers=[4, "p", 4, "p", 4, "p4"], global_pool=global_pool)
