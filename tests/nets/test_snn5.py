"""SNN-5: its size, its dropout and vote, its conversion."""

from __future__ import annotations

import pytest
import torch
from spikingjelly.activation_based import functional, layer
from torch import nn

from pipeline.config.network import Network
from pipeline.nets.build import build
from pipeline.nets.convert import convert
from pipeline.nets.forward import activations, forward
from pipeline.nets.layers._spiking import FusedNeuron
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.lif import LIF
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.layers.vote import Vote
from pipeline.pieces import checked
from tests.networks import entry, snn5


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(activation=lambda: QCFS(4, 2.0), dropout: float = 0.5) -> nn.Module:
    return snn5(3, (32, 32), 1 / 16, dropout, 2, activation, seeded())


def frames(steps: int = 4, batch: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 4, (steps, batch, 2, 32, 32), generator=seeded(seed), dtype=torch.uint8)


def settle(net: nn.Module) -> nn.Module:
    net.train()
    for seed in range(40):
        forward(net, frames(seed=seed))
    return net.eval()


def test_paper_network_has_the_papers_layers_and_parameters() -> None:
    net = snn5(11)
    convolutions = (2 * 128 * 9 + 128) + 4 * (128 * 128 * 9 + 128) + 5 * 2 * 128
    hidden, outputs = 2048 * 512 + 512, 512 * 110 + 110
    assert sum(parameter.numel() for parameter in net.parameters()) == convolutions + hidden + outputs == 1_699_566
    assert (net.layers.fc1.in_features, net.layers.fc2.out_features) == (2048, 110)
    assert not [module for module in net.layers if isinstance(module, nn.MaxPool2d)]
    assert isinstance(net.layers[-1], Vote) and isinstance(net.layers[-2], nn.Linear)


@pytest.mark.parametrize("activation", [lambda: QCFS(4, 2.0), lambda: IF(0.2), lambda: LIF(0.2)])
def test_maps_frames_to_logits_and_every_parameter_learns(activation) -> None:
    net = small(activation)
    out = forward(net, frames())
    assert out.shape == (4, 3, 3) and out.dtype == torch.float32
    out.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_output_does_not_depend_on_later_frames() -> None:
    net = settle(small(lambda: IF(0.2)))
    x = frames(5)
    changed = x.clone()
    changed[3:] = frames(2, seed=9)
    assert torch.equal(forward(net, x)[:3], forward(net, changed)[:3]) and not torch.equal(
        forward(net, x)[3:], forward(net, changed)[3:]
    )


def test_dropout_has_one_mask_for_all_steps_and_one_for_each_sample() -> None:
    drop, x = layer.Dropout(0.5, step_mode="m"), torch.ones(6, 40, 30)
    torch.manual_seed(0)
    out = drop(x)
    assert torch.equal(out, out[:1].expand_as(out)) and set(out.unique().tolist()) == {0.0, 2.0}
    assert len({tuple(row.tolist()) for row in out[0]}) == 40
    assert abs(out.mean() - 1) < 0.1
    functional.reset_net(drop)
    torch.manual_seed(0)
    assert torch.equal(drop(x), out)
    functional.reset_net(drop)
    assert not torch.equal(drop(x), out)
    assert torch.equal(drop.eval()(x), x)
    assert torch.equal(layer.Dropout(0.0, step_mode="m")(x), x)
    # To the bit the one this project had, which drew its mask anew in each pass.
    functional.reset_net(drop.train())
    torch.manual_seed(0)
    masked = drop(x)
    torch.manual_seed(0)
    assert torch.equal(masked, x * nn.functional.dropout(x.new_ones(1, *x.shape[1:]), 0.5))
    with pytest.raises(ValueError, match="less than 1"):
        checked("nets.layers", {"kind": "dropout", "p": 1.0})


def test_dropout_of_the_network_is_the_same_at_all_steps() -> None:
    net, seen = small(), []
    net.layers.fc2.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    forward(net, torch.ones(5, 3, 2, 32, 32))
    hidden = seen[0]
    # An ANN sees the same frame at all steps: what differs would be the mask.
    assert torch.equal(hidden, hidden[:1].expand_as(hidden)) and (hidden == 0).any()


def test_vote_is_the_mean_of_its_group() -> None:
    assert Vote(2)(torch.tensor([[1.0, 3.0, -1.0, 0.0]])).tolist() == [[2.0, -0.5]]


def test_converts_and_approaches_the_ann_with_more_steps() -> None:
    ann = settle(small(lambda: QCFS(64, 2.0)))
    snn = convert(ann)
    assert [type(module) for _, module in activations(snn)] == [FusedNeuron] * 6
    x = frames(1)
    with torch.no_grad():
        wanted = forward(ann, x)[0]
        errors = [(forward(snn, x.expand(t, -1, -1, -1, -1)).mean(0) - wanted).abs().mean() for t in (4, 32, 256)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


@pytest.mark.parametrize("size", [(16, 128), (128, 31)])
def test_a_frame_too_small_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 32"):
        snn5(11, size)


@pytest.mark.parametrize("bad", [{"width": 0.0}, {"voters": 0}, {"dropout": 1.0}])
def test_impossible_options_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        checked("nets.models", entry("snn-5", **bad))


def test_is_built_by_its_name() -> None:
    model = entry("snn-5", width=1 / 16)
    ann = build(Network(model=model, activation={"kind": "qcfs", "levels": 16}), 11, (32, 32), seeded())
    snn = build(Network(model=model, activation={"kind": "lif"}), 11, (32, 32), seeded())
    assert [type(module) for _, module in activations(ann)] == [QCFS] * 6
    assert [type(module) for _, module in activations(snn)] == [FusedNeuron] * 6
    assert forward(ann, frames()).shape == forward(snn, frames()).shape == (4, 3, 11)
    assert ann.layers.drop1.p == 0.5 and ann.layers.vote.voters == 10
