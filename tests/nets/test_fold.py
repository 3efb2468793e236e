"""A network with its batch norms folded answers as before, and the original is left alone."""

from __future__ import annotations

import pytest
import torch
from spikingjelly.activation_based import layer
from torch import nn

from pipeline.nets.fold import folded
from pipeline.nets.forward import forward, laid_out
from pipeline.nets.layers.if_ import IF
from tests.nets.test_networks import frames, settle, small
from tests.networks import chain, snn5


def norms(net: nn.Module) -> list[nn.Module]:
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]


# Smooth, so that rounding stays rounding: QCFS and spikes would make a level of it.
@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_answers_are_those_of_eval_mode(activation) -> None:
    net = settle(small(activation, width=1 / 8))
    random = torch.Generator().manual_seed(0)
    for norm in norms(net):
        nn.init.uniform_(norm.weight, -1.5, 1.5, random)
        nn.init.uniform_(norm.bias, -0.5, 0.5, random)
    made, x = folded(net), frames(3)
    assert len(norms(net)) == 8 and not norms(made)
    assert [name for name, _ in made.layers.named_children()] == [name for name, _ in net.layers.named_children()]
    with torch.no_grad():
        torch.testing.assert_close(forward(made, x), forward(net, x), rtol=1e-3, atol=1e-3)
        laid = laid_out(x)
        first, second = made.layers.conv1(laid), net.layers.bn1(net.layers.conv1(laid))
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)


def test_the_original_is_left_as_it_was() -> None:
    net = small(lambda: IF(0.5)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    made = folded(net)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(1.0)
    assert net.training and not made.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert not any(parameter.requires_grad for parameter in made.parameters())


def test_dropout_and_vote_stay_and_a_convolution_may_lack_its_bias() -> None:
    net = snn5(3, (32, 32), 1 / 16, 0.5, 2, lambda: IF(0.5), torch.Generator().manual_seed(0))
    net.layers.conv1.bias = None
    x = torch.randint(0, 4, (2, 2, 2, 32, 32), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    forward(net.train(), x)
    net.eval()
    with torch.no_grad():
        torch.testing.assert_close(forward(folded(net), x), forward(net, x), rtol=1e-3, atol=1e-3)


def test_a_norm_of_the_batch_alone_is_refused() -> None:
    layers = {"conv": layer.Conv2d(2, 3, 1), "bn": layer.BatchNorm2d(3, track_running_stats=False), "act": IF(1.0)}
    with pytest.raises(ValueError, match="running statistics"):
        folded(chain(layers))


def test_a_layer_that_standardises_its_weights_keeps_its_norm() -> None:
    row = nn.Sequential(layer.WSConv2d(2, 3, 3, step_mode="m"), layer.BatchNorm2d(3, step_mode="m"), nn.ReLU()).eval()
    nn.init.uniform_(row[1].running_var, 0.2, 3.0, torch.Generator().manual_seed(0))
    made, x = folded(row), torch.randn(2, 2, 2, 5, 5, generator=torch.Generator().manual_seed(1))
    assert len(norms(made)) == 1
    with torch.no_grad():
        torch.testing.assert_close(made(x), row(x))
