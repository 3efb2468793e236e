"""Conversion, folding and single steps in networks that nest: residual blocks, branches, attention."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from spikingjelly.activation_based import functional, layer, monitor, neuron
from torch import Tensor, nn

from pipeline.nets.convert import convert
from pipeline.nets.fold import folded
from pipeline.nets.forward import activations, forward, forward_features
from pipeline.nets.layers import if_
from pipeline.nets.layers._spiking import FusedNeuron
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.lif import LIF
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.tree import leaves
from tests.nets.blocks import Attended, Basic, ResNet, gentle, resnet
from tests.networks import chain

LEVELS = 8
# And weights at which their spikes come and go.
NEURONS = [(lambda: IF(0.25), 0.25), (lambda: LIF(0.5), 0.5)]


def frames(steps: int, batch: int = 3, side: int = 4, seed: int = 0, most: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, most, (steps, batch, 2, side, side), generator=generator, dtype=torch.uint8)


NETS: dict[str, Callable[[Callable[[], nn.Module]], nn.Module]] = {
    "resnet": ResNet,
    "attention": lambda activation: Attended(activation, LEVELS),
}


@pytest.mark.parametrize("kind", NETS)
def test_the_converted_network_equals_its_ann_at_t_l_for_constant_input(kind: str) -> None:
    ann = gentle(NETS[kind](lambda: QCFS(LEVELS, 1.0)))
    nn.init.constant_(ann.stem[-1].threshold, 0.5)
    snn = convert(ann)
    x = frames(1, most=2).expand(LEVELS, -1, -1, -1, -1)
    with torch.no_grad():
        spikes, wanted = forward(snn, x), forward(ann, x)
        names = [name for name, _ in activations(ann)]
        rates, levels = forward_features(snn, x, names)[1], forward_features(ann, x, names)[1]
    assert torch.equal(spikes.mean(0), wanted.mean(0))
    assert len(wanted.unique()) > 3 and not torch.equal(spikes[0], spikes[1])
    for name in names:
        # In each layer, too, and no layer is silent or says one thing only.
        assert torch.equal(rates[name], levels[name]) and len(rates[name].unique()) > 1, name


@pytest.mark.parametrize("kind", NETS)
def test_every_activation_becomes_a_neuron_with_its_threshold(kind: str) -> None:
    ann = NETS[kind](lambda: QCFS(LEVELS, 1.0))
    for number, (_, module) in enumerate(activations(ann)):
        nn.init.constant_(module.threshold, 0.5 + number)
    snn = convert(ann, if_.Options(train_threshold=True, detach_reset=True))
    found = list(activations(snn))
    assert [name for name, _ in found] == [name for name, _ in activations(ann)] and len(found) > 2
    assert [module.threshold.item() for _, module in found] == [0.5 + number for number in range(len(found))]
    for _, module in found:
        assert isinstance(module, FusedNeuron) and isinstance(module.threshold, nn.Parameter)
        assert module.dynamics.detach_reset and module.step_mode == "m"
    assert all(isinstance(module, QCFS) for _, module in activations(ann))


@pytest.mark.parametrize("kind", NETS)
def test_recordings_of_a_batch_do_not_influence_each_other(kind: str) -> None:
    net = gentle(NETS[kind](lambda: IF(0.3)))
    x = frames(LEVELS)
    changed = x.clone()
    changed[:, 1] = frames(LEVELS, seed=5)[:, 1]
    with torch.no_grad():
        whole, other, alone = forward(net, x), forward(net, changed), forward(net, x[:, 2:])
    assert torch.equal(whole[:, [0, 2]], other[:, [0, 2]]) and not torch.equal(whole[:, 1], other[:, 1])
    assert torch.equal(whole[:, 2:], alone)


@pytest.mark.parametrize(("neuron_", "weight"), NEURONS)
def test_answers_do_not_depend_on_later_frames_but_with_attention(neuron_: Callable, weight: float) -> None:
    x = frames(LEVELS, side=8)
    changed = x.clone()
    changed[5:] = frames(3, side=8, seed=5)
    net = gentle(ResNet(neuron_), weight)
    with torch.no_grad():
        assert torch.equal(forward(net, x)[:5], forward(net, changed)[:5])
        assert not torch.equal(forward(net, x)[5:], forward(net, changed)[5:])
        torch.manual_seed(0)
        attended = Attended(neuron_, LEVELS).eval()
        x, changed = x[..., :4, :4], changed[..., :4, :4]
        assert not torch.equal(forward(attended, x)[:5], forward(attended, changed)[:5])


@pytest.mark.parametrize(("neuron_", "weight"), NEURONS)
def test_single_steps_are_the_sequence(neuron_: Callable, weight: float) -> None:
    net, x = gentle(ResNet(neuron_), weight), frames(5, side=8).float()
    with torch.no_grad():
        whole = forward(net, x)
        functional.set_step_mode(net, "s")
        assert torch.equal(torch.stack([net(frame) for frame in x]), whole)
        functional.set_step_mode(net, "m")
        assert all(isinstance(module.v, Tensor) for _, module in activations(net))
        functional.reset_net(net)
        assert torch.equal(net(x), whole)


def test_batch_norms_are_folded_where_they_directly_follow_and_stay_where_they_do_not() -> None:
    net = Attended(nn.Tanh, 4)
    net.stem.insert(1, layer.BatchNorm2d(4, step_mode="m"))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5, torch.Generator().manual_seed(0))
            nn.init.uniform_(module.running_mean, -1, 1, torch.Generator().manual_seed(1))
    net.eval()
    made, x = folded(net), frames(4)
    assert isinstance(made.stem[1], nn.Identity) and made.stem[0].bias is not None
    assert isinstance(made.block.norm1, nn.BatchNorm2d) and made.block.conv1.bias is None
    with torch.no_grad():
        torch.testing.assert_close(forward(made, x), forward(net, x))
    assert isinstance(net.stem[1], nn.BatchNorm2d)


def test_a_convolution_that_stands_at_two_places_is_not_folded() -> None:
    shared = layer.Conv2d(2, 2, 1)
    net = chain({"conv1": shared, "bn1": layer.BatchNorm2d(2), "conv2": shared, "bn2": layer.BatchNorm2d(2)}).eval()
    nn.init.constant_(net.layers.bn1.running_var, 4.0)
    made, x = folded(net), frames(2).float()
    with torch.no_grad():
        torch.testing.assert_close(made(x), net(x))


def test_a_norm_that_knows_its_threshold_is_folded_too() -> None:
    net = chain({"conv": layer.Conv2d(2, 3, 1, bias=False), "bn": layer.ThresholdDependentBatchNorm2d(0.7, 0.5, 3)})
    for seed in range(3):
        net.train()(frames(4, seed=seed).float())
    made, x = folded(net.eval()), frames(4).float()
    assert isinstance(made.layers.bn, nn.Identity)
    with torch.no_grad():
        torch.testing.assert_close(made(x), net(x))


class Swish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.sigmoid()


class Scaled(nn.Module):
    """A container with a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(QCFS(4, 1.0))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * self.inner(x)


class Shifted(layer.Conv2d):
    """A known layer with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + 1)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Swish(), r"unknown module blocks\.1\.branch\.2 \(\S*Swish\).*operations"),
        (Scaled(), r"blocks\.1\.branch\.2 \(\S*Scaled\)"),
        (Shifted(8, 8, 1), r"blocks\.1\.branch\.2 \(\S*Shifted\)"),
        (nn.LSTM(2, 2), r"blocks\.1\.branch\.2 \(torch\S*LSTM\)"),
        (nn.MultiheadAttention(2, 1), r"blocks\.1\.branch\.2 \(torch\S*MultiheadAttention\)"),
    ],
)
@pytest.mark.parametrize("what", [convert, folded, lambda net: list(leaves(net))])
def test_an_unknown_module_is_refused_by_name(module: nn.Module, message: str, what: Callable) -> None:
    net = resnet()
    net.blocks[1].branch[2] = module
    with pytest.raises(ValueError, match=message):
        what(net)


def test_a_layer_that_says_what_it_costs_is_known() -> None:
    class Priced(Swish):
        def operations(self, x: Tensor) -> int:
            return x.numel()

    net = resnet()
    net.blocks[0].branch[2] = nn.Sequential(QCFS(4, 1.0), Priced())
    assert forward(convert(net), frames(3)).shape == (3, 3, 3)


def test_another_activation_and_a_container_that_hides_the_steps_are_not_converted() -> None:
    net = resnet()
    net.blocks[0].act = nn.ReLU()
    with pytest.raises(ValueError, match=r"only QCFS becomes a spiking neuron, found blocks\.0\.act \(ReLU\)"):
        convert(net)
    net = resnet()
    net.stem = layer.SeqToANNContainer(nn.Conv2d(2, 4, 3, padding=1), QCFS(4, 1.0))
    with pytest.raises(ValueError, match=r"stem\.1 stands in a SeqToANNContainer"):
        convert(net)
    with pytest.raises(ValueError, match="found hard, 0.5, scaled"):
        convert(resnet(), if_.Options(reset="hard"))


def test_spikingjellys_neurons_and_monitors_work_among_ours() -> None:
    torch.manual_seed(0)
    net = resnet(lambda: IF(0.3)).eval()
    net.blocks[0].act = neuron.LIFNode(step_mode="m")
    with torch.no_grad(), monitor.OutputMonitor(net, (FusedNeuron, neuron.BaseNode)) as outputs:
        forward(net, frames(5))
    names = [name for name, _ in activations(net)]
    assert outputs.monitored_layers == names and "blocks.0.act" in names and len(names) == 5
    assert outputs["stem.2"][0].shape == (5, 3, 4, 4, 4) and len(outputs["stem.2"][0].unique()) == 2
    seen = monitor.AttributeMonitor("v", False, net, FusedNeuron)
    with torch.no_grad():
        forward(net, frames(5))
    assert seen["blocks.1.act"][0].shape == (3, 8, 2, 2)
    seen.close()


def test_features_are_taken_at_any_depth() -> None:
    net, x = resnet().eval(), frames(4)
    logits, features = forward_features(net, x, ["blocks.1.act", "stem", "head.2"])
    assert torch.equal(logits, forward(net, x))
    assert features["blocks.1.act"].shape == (3, 8, 2, 2)
    torch.testing.assert_close(features["head.2"], logits.mean(0))
    assert not [module for module in net.modules() if module._forward_hooks]
    with pytest.raises(ValueError, match=r"no layer act7 in this network; its activations: stem\.2, blocks\.0\.branch"):
        forward_features(net, x, ["act7"])


def test_a_pass_begins_at_v0_and_leaves_nothing_behind_also_when_it_fails() -> None:
    class Failing(Basic):
        def forward(self, x: Tensor) -> Tensor:
            super().forward(x)
            raise RuntimeError("no pass")

    net, x = resnet(lambda: IF(0.3)).eval(), frames(3).float()
    with torch.no_grad():
        first = forward(net, x)
        net(x)
        assert torch.equal(forward(net, x), first)
    net.blocks[0] = Failing(4, 4, 1, IF)
    functional.set_step_mode(net, "m")
    with pytest.raises(RuntimeError, match="no pass"):
        forward(net, x)
    assert [module.v for _, module in activations(net)] == [0.5] * 5


def test_what_gives_no_logits_is_said() -> None:
    with pytest.raises(ValueError, match=r"expected logits \[T, N, C\].*found \(3, 3, 2, 4, 4\)"):
        forward(chain({"act": IF(1.0)}), frames(3))
