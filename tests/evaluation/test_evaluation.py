"""Accuracy, firing rates and operations on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import functional, layer
from torch import nn

from pipeline.evaluation.accuracy import predict
from pipeline.evaluation.operations import count_operations
from pipeline.nets.forward import forward
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.layers.tcja import TCJA
from pipeline.nets.layers.vote import Vote
from pipeline.results.answers import correct_after
from pipeline.runtime.hardware import Hardware
from tests.networks import chain, vgg_snn

CPU = Hardware(torch.device("cpu"), "fp32")


def test_accuracy_after_each_step_is_that_of_the_mean_so_far() -> None:
    # Sample 0 is right at once; sample 1 only after the second step outweighs the first; sample 2 never.
    logits = np.array([[[2, 0], [3, 0], [0, 1]], [[0, 1], [0, 4], [0, 1]]], np.float32)
    labels = np.array([0, 1, 0])
    assert correct_after(logits, labels) == [1, 2]


def test_predict_equals_one_pass_whatever_the_batch() -> None:
    net = vgg_snn(4, (16, 16), 1 / 32, lambda: IF(0.2), torch.Generator().manual_seed(0)).eval()
    frames = np.random.default_rng(0).integers(0, 4, (7, 3, 2, 16, 16), np.uint8)
    with torch.no_grad():
        whole = forward(net, torch.from_numpy(frames).transpose(0, 1)).numpy()
    for batch_size in (1, 3, 100):
        np.testing.assert_allclose(predict(net, frames, batch_size, CPU, "t"), whole, rtol=1e-4, atol=1e-5)


def filled(layer: nn.Module) -> nn.Module:
    for parameter in layer.parameters():
        # Not 1: weights of 0 and 1 would count as spikes themselves.
        nn.init.constant_(parameter, 1.5)
    return layer


def two_layers(activation: nn.Module, pool: bool) -> nn.Module:
    layers = {"conv1": filled(layer.Conv2d(2, 1, 1, bias=False)), "act1": activation}
    if pool:
        layers["pool1"] = layer.AvgPool2d(2)
    layers |= {"conv2": filled(layer.Conv2d(1, 3, 1, bias=False)), "act2": IF(1e9), "flatten": layer.Flatten()}
    layers["fc"] = layer.Linear(3 * (4 if pool else 16), 5)
    return chain(layers)


def test_operations_by_hand() -> None:
    frames = np.zeros((2, 2, 2, 4, 4), np.uint8)
    frames[0, 0, 0, :2, 0] = 2  # two pixels fire once each, in step 0 of recording 0
    frames[1, :, 1, 3, 3] = 5  # one pixel fires in both steps of recording 1
    for pool in (False, True):
        first, second, last = count_operations(two_layers(IF(3.0), pool), frames, 1, CPU, "t")
        # 1x1 convolution of 2 channels to 1 on 16 pixels, 2 steps.
        assert (first.macs, first.synops) == (2 * 16 * 2, 0)
        # Four spikes in two recordings, each to three synapses: through a pool as without.
        assert (second.macs, second.synops) == (0, 4 * 3 / 2)
        assert first.firing_rate == pytest.approx(4 / (2 * 2 * 16))
        # A neuron that never fires sends nothing on.
        assert (second.firing_rate, last.synops, last.macs) == (0, 0, 0)


def test_operations_of_a_hidden_layer_by_hand() -> None:
    net = chain(
        {"conv1": filled(layer.Conv2d(2, 1, 1, bias=False)), "act1": IF(3.0), "pool1": layer.AvgPool2d(2),
         "flatten": layer.Flatten(), "drop1": layer.Dropout(0.5), "fc1": filled(layer.Linear(4, 3, bias=False)),
         "act2": IF(0.3), "drop2": layer.Dropout(0.5), "fc2": filled(layer.Linear(3, 4, bias=False)), "vote": Vote(2)}
    )  # fmt: skip
    frames = np.zeros((1, 2, 2, 4, 4), np.uint8)
    frames[0, 0, 0, 0, 0] = 2  # one pixel fires in step 0: a quarter of 3.0 reaches each hidden unit, times 1.5
    first, hidden, last = count_operations(net, frames, 1, CPU, "t")
    assert (first.macs, hidden.macs, hidden.synops, last.macs) == (64, 0, 3, 0)
    # All three hidden units fire in step 0; soft reset leaves enough to fire again in step 1.
    assert hidden.firing_rate == 1.0 and last.synops == 2 * 3 * 4


def test_ann_multiplies_densely() -> None:
    frames = np.full((1, 2, 2, 4, 4), 3, np.uint8)
    net = two_layers(QCFS(8, 4.0), pool=True)
    net.layers.act2 = QCFS(8, 4.0)
    with torch.no_grad():
        net.layers.conv1.weight.fill_(0.11)
        net.layers.conv2.weight.fill_(1.3)
    first, second, last = count_operations(net, frames, 1, CPU, "t")
    assert [layer.macs for layer in (first, second, last)] == [64, 2 * 4 * 3, 2 * 12 * 5]
    assert first.firing_rate is None


def test_attention_is_counted_and_the_layer_behind_still_adds() -> None:
    attention = TCJA(2, 1, 3, 2)
    layers = {"conv1": filled(layer.Conv2d(2, 1, 1, bias=False)), "act1": IF(3.0), "tcja_act1": attention,
              "flatten": layer.Flatten(), "fc": filled(layer.Linear(16, 5, bias=False))}  # fmt: skip
    frames = np.zeros((1, 2, 2, 4, 4), np.uint8)
    frames[0, 0, 0, :2, 0] = 2  # two spikes, in step 0
    first, weighed, last = count_operations(chain(layers), frames, 1, CPU, "t")
    # Over steps: 2 x 2 channels of width 3 at one place; over channels: 1 x 1 of width 2 at two; one for each spike.
    assert (weighed.name, weighed.macs, weighed.synops) == ("tcja_act1", 2 * 2 * 3 + 2 * 2 + 2, 0)
    assert (last.macs, last.synops) == (0, 2 * 5)
    assert first.firing_rate == pytest.approx(2 / (2 * 16)) and weighed.firing_rate is None


class Joined(nn.Module):
    """Two branches of spikes, added (0, 1 or 2) and joined to the input's own, into a convolution."""

    def __init__(self, analog: bool) -> None:
        super().__init__()
        self.stem = nn.Sequential(filled(layer.Conv2d(2, 1, 1, bias=False)), IF(3.0))
        self.one, self.two = filled(layer.Conv2d(1, 1, 1, bias=False)), filled(layer.Conv2d(1, 1, 1, bias=False))
        self.act1, self.act2 = IF(4.5), nn.Identity() if analog else IF(4.5)
        self.out = filled(layer.Conv2d(2, 3, 1, bias=False))
        self.head = nn.Sequential(layer.AdaptiveAvgPool2d(1), layer.Flatten(), filled(layer.Linear(3, 5, bias=False)))
        self.last = IF(4.0)
        functional.set_step_mode(self, "m")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = torch.cat([self.act1(self.one(x)) + self.act2(self.two(x)), x], dim=2)
        return self.head(self.last(self.out(x)))


def test_sums_and_joins_of_branches_by_hand() -> None:
    frames = np.zeros((1, 2, 2, 4, 4), np.uint8)
    # Two pixels of count 2 drive the stem by 3 = θ in step 0: it fires there, and is left at θ/2.
    frames[0, 0, 0, :2, 0] = 2
    found = {entry.name: entry for entry in count_operations(Joined(False), frames, 1, CPU, "t")}
    assert list(found) == ["stem.0", "one", "two", "out", "head.2"]
    # Each spike of the stem reaches one synapse of each branch; both branches fire: 3 · 1.5 = 4.5 = θ.
    assert (found["stem.0"].macs, found["one"].synops, found["two"].synops) == (2 * 16 * 2, 2, 2)
    # At each of the two pixels 1 + 1 of the branches and 1 of the stem, each to three synapses.
    assert (found["out"].macs, found["out"].synops) == (0, 2 * (2 + 1) * 3)
    # They drive the last neurons by 1.5 · (9 + 3) = 18: these fire in both steps, through an average of 16.
    assert (found["head.2"].macs, found["head.2"].synops) == (0, 2 * 2 * 3 * 5)
    assert found["out"].firing_rate == pytest.approx(2 * 2 * 3 / (2 * 3 * 16))


def test_a_sum_with_an_analog_branch_multiplies() -> None:
    frames = np.zeros((1, 2, 2, 4, 4), np.uint8)
    frames[0, 0, 0, :2, 0] = 2
    found = {entry.name: entry for entry in count_operations(Joined(True), frames, 1, CPU, "t")}
    assert (found["out"].macs, found["out"].synops) == (2 * 2 * 3 * 16, 0)
    assert found["two"].synops == 2


def test_a_second_neuron_behind_a_layer_has_an_entry_of_its_own() -> None:
    net = chain({"conv": filled(layer.Conv2d(2, 1, 1, bias=False)), "act1": IF(3.0), "act2": IF(6.0)})
    net.append(layer.Flatten(step_mode="m"))
    frames = np.zeros((1, 1, 2, 4, 4), np.uint8)
    frames[0, 0, 0, :2, 0] = 2
    found = {entry.name: entry for entry in count_operations(net, frames, 1, CPU, "t")}
    assert list(found) == ["conv", "act2"] and found["conv"].firing_rate == pytest.approx(2 / 16)
    # 3 of 6, and half of it at the start: at the threshold.
    assert found["act2"].firing_rate == pytest.approx(2 / 16) and found["act2"].synops == 0


def test_spikes_through_pools_of_nine_and_of_the_largest() -> None:
    frames = np.zeros((1, 1, 2, 6, 6), np.uint8)
    frames[0, 0, 0, :2, 0] = 2
    for pool, spikes in ((layer.AvgPool2d(3), 2), (layer.MaxPool2d(3), 1)):
        net = chain({"conv": filled(layer.Conv2d(2, 1, 1, bias=False)), "act": IF(3.0), "pool": pool,
                     "flatten": layer.Flatten(), "fc": filled(layer.Linear(4, 5, bias=False))})  # fmt: skip
        _, last = count_operations(net, frames, 1, CPU, "t")
        assert (last.macs, last.synops) == (0, spikes * 5)


class Product(nn.Module):
    """A container that multiplies matrices itself."""

    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.inner = nn.Sequential(layer.Conv2d(2, 2, 1, step_mode="m"), IF(0.1), layer.Flatten(step_mode="m"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.inner(x)
        return nn.functional.scaled_dot_product_attention(x, x, x) if self.fused else x @ x.transpose(-1, -2)


def test_what_cannot_be_counted_is_refused() -> None:
    frames = np.full((2, 2, 2, 4, 4), 3, np.uint8)
    for fused in (False, True):
        with pytest.raises(
            ValueError, match=r"block \(Product\) multiplies matrices outside the known layers \([12] products"
        ):
            count_operations(chain({"block": Product(fused)}), frames, 2, CPU, "t")
    net = chain({"conv": layer.Conv2d(2, 2, 1), "act": IF(1.0), "again": layer.Conv2d(2, 2, 1)})
    net.layers.add_module("twice", net.layers.act)
    net.layers.add_module("flatten", layer.Flatten(step_mode="m"))
    with pytest.raises(ValueError, match="neuron act is called 2 times in a pass"):
        count_operations(net, frames, 2, CPU, "t")
