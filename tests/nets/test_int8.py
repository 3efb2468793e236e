"""Convolutions in 8 bits: exact for what neurons send, and of weights rounded to 255 levels a channel."""

from __future__ import annotations

import pytest
import torch
from spikingjelly.activation_based import functional, layer, neuron
from torch import nn
from torch.nn.functional import conv2d

from pipeline.config.network import Network
from pipeline.nets.build import build
from pipeline.nets.convert import convert
from pipeline.nets.fold import folded
from pipeline.nets.forward import forward, laid_out
from pipeline.nets.int8 import Int8Conv2d, in_int8
from pipeline.nets.layers import group
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.lif import LIF
from pipeline.nets.layers.qcfs import QCFS
from tests.nets.test_networks import frames, seeded, settle, small


def rounded(weight: torch.Tensor) -> torch.Tensor:
    """Return weights as 8 bits have them, in float64: -127 to 127 times the channel's largest, over 127."""
    weight = weight.detach().double()
    scale = weight.abs().amax((1, 2, 3), keepdim=True) / 127
    return torch.where(scale == 0, 0, torch.round(weight / scale) * scale)


@pytest.mark.parametrize("unit", [1.0, 0.3, 2.5 / 4])
@pytest.mark.parametrize(
    "settings", [{}, {"stride": 2}, {"groups": 2, "bias": False}, {"kernel_size": 1, "padding": 0}]
)
def test_a_convolution_is_that_of_rounded_weights(settings, unit: float) -> None:
    made = layer.Conv2d(
        **({"in_channels": 4, "out_channels": 6, "kernel_size": 3, "padding": 1} | settings), step_mode="m"
    )
    with torch.no_grad():
        made.weight.copy_(torch.randn(made.weight.shape, generator=seeded(1)))
        made.weight[2] = 0
    whole = torch.randint(0, 5, (3, 2, 4, 9, 7), generator=seeded(2))
    found = Int8Conv2d(made, unit)(whole * unit)
    bias = None if made.bias is None else made.bias.double()
    shape = (made.stride, made.padding, made.dilation, made.groups)
    wanted = conv2d(whole.flatten(0, 1).double() * unit, rounded(made.weight), bias, *shape).unflatten(0, (3, 2))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)


def test_weights_that_8_bits_hold_are_exact_and_more_than_255_units_are_cut() -> None:
    made = layer.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(made.weight, 127.0)
    x = torch.tensor([0.0, 1.0, 255.0, 256.0, 1000.0]).view(5, 1, 1, 1)
    assert Int8Conv2d(made, 1.0)(x).flatten().tolist() == [0, 127, 255 * 127, 255 * 127, 255 * 127]


def jelly() -> nn.Module:
    return neuron.IFNode(step_mode="m")


@pytest.mark.parametrize("activation", [lambda: QCFS(4, 2.0), lambda: IF(0.7), lambda: LIF(0.7), jelly, "converted"])
def test_each_convolution_behind_spikes_sees_exactly_what_they_are(activation) -> None:
    net = settle(small() if activation == "converted" else small(activation))
    net = convert(net) if activation == "converted" else net
    made = in_int8(folded(net))
    kinds = {name: type(module) for name, module in made.layers.named_children() if name.startswith("conv")}
    assert kinds.pop("conv1") is layer.Conv2d, "the first sees counts, not spikes"
    assert set(kinds.values()) == {Int8Conv2d} and len(kinds) == 7
    seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name in kinds:
        getattr(made.layers, name).register_forward_hook(
            lambda _, inputs, out, name=name: seen.update({name: (inputs[0], out)})
        )
    with torch.no_grad():
        forward(made, frames(3))
    plain = folded(net).layers
    for name, (entered, left) in seen.items():
        conv = plain.get_submodule(name)
        wanted = conv2d(entered.flatten(0, 1).double(), rounded(conv.weight), conv.bias.double(), padding=1)
        torch.testing.assert_close(left.flatten(0, 1).double(), wanted, rtol=1e-4, atol=1e-4)
    assert any(entered.any() for entered, _ in seen.values()), "nothing fires: nothing is tested"


def test_more_than_255_of_a_unit_are_left_alone() -> None:
    """A pool of 2 x 2 makes quarters: of 63 levels 252 at most, of 64 levels 256."""
    for levels, wanted in ((63, Int8Conv2d), (64, layer.Conv2d)):
        made = in_int8(folded(settle(small(lambda levels=levels: QCFS(levels, 2.0)))))
        kinds = {name: type(module) for name, module in made.layers.named_children() if name.startswith("conv")}
        # Behind pool1, and behind act1, where there is none.
        assert (kinds["conv3"], kinds["conv2"]) == (wanted, Int8Conv2d)


@pytest.mark.parametrize("settings", [{"padding": 1}, {"ceil_mode": True}, {"divisor_override": 3}])
def test_a_pool_whose_windows_are_not_alike_ends_the_counting(settings) -> None:
    def made(**how) -> nn.Module:
        row = nn.Sequential(IF(0.5), layer.AvgPool2d(2, step_mode="m", **how), layer.Conv2d(2, 3, 3, step_mode="m"))
        return in_int8(row)[2]

    assert isinstance(made(), Int8Conv2d) and isinstance(made(**settings), layer.Conv2d)


def test_single_steps_answer_as_all_at_once() -> None:
    made, x = in_int8(folded(settle(small(lambda: IF(0.5))))), laid_out(frames(3))
    with torch.no_grad():
        wanted = made(x)
        functional.reset_net(made)
        functional.set_step_mode(made, "s")
        assert torch.equal(torch.stack([made(frame) for frame in x]), wanted)


@pytest.mark.parametrize("activation", [nn.ReLU, lambda: group.build(group.Options(members=4)), lambda: QCFS(256, 2.0)])
def test_what_no_8_bits_hold_stays_as_it_is(activation) -> None:
    made = in_int8(folded(settle(small(activation))))
    assert not any(isinstance(module, Int8Conv2d) for module in made.modules())


def test_a_residual_networks_convolutions_behind_sums_stay() -> None:
    model = {"kind": "resnet", "stages": [[4, 1, 1], [8, 1, 2]]}
    net = build(Network.model_validate({"model": model, "activation": {"kind": "if"}}), 3, (16, 16), seeded())
    net.eval()
    before, made = folded(net), in_int8(folded(net))
    changed = [name for name, module in made.named_modules() if isinstance(module, Int8Conv2d)]
    left = [name for name, module in made.named_modules() if isinstance(module, nn.Conv2d)]
    assert changed and left
    with torch.no_grad():
        assert forward(made, frames(2)).shape == forward(before, frames(2)).shape
