"""What each kind of neuron sends, counted by hand: spikes, graded spikes, sums of them, and what is no spike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from pipeline.evaluation.maps import spikes
from pipeline.evaluation.operations import Layer, count_operations
from pipeline.pieces import checked, module_of
from pipeline.runtime.hardware import Hardware
from tests.networks import chain

CPU = Hardware(torch.device("cpu"), "fp32")


def filled(made: nn.Module, value: float = 1.5) -> nn.Module:
    nn.init.constant_(made.weight, value)
    return made


def made(options: dict[str, Any], channels: int = 1, steps: int = 2) -> nn.Module:
    found = checked("nets.layers", options)
    return module_of("nets.layers", found).build(found, channels, steps)


def two(activation: nn.Module) -> nn.Module:
    """A 1 x 1 convolution that adds both channels, the neuron, and a 1 x 1 convolution to three channels."""
    net = chain(
        {"conv1": filled(layer.Conv2d(2, 1, 1, bias=False), 0.25), "act1": activation,
         "conv2": filled(layer.Conv2d(1, 3, 1, bias=False)), "flatten": layer.Flatten()}
    )  # fmt: skip
    return net.eval()


def frames(*counts: int) -> NDArray[np.uint8]:
    """One recording of two steps; in the first, the pixels of the upper row have these counts."""
    found = np.zeros((1, 2, 2, 4, 4), np.uint8)
    found[0, 0, 0, 0, : len(counts)] = counts
    return found


def counted(net: nn.Module, seen: NDArray[np.uint8]) -> dict[str, Layer]:
    return {entry.name: entry for entry in count_operations(net, seen, 1, CPU, "t")}


def test_a_graded_spike_is_as_many_spikes_as_members_fired() -> None:
    # Currents 0.5, 1, 1.5, 0 and θ = 1, σ = 0.5: p = 0.159, 0.5, 0.841, 0.023; of four members 1, 2, 3, 0 fire.
    net = two(made({"kind": "group", "members": 4, "decay": 0.0}))
    found = counted(net, frames(2, 4, 6))
    assert (found["conv2"].macs, found["conv2"].synops) == (0, 6 * 3)
    # The neurons of a group are four.
    assert found["conv1"].firing_rate == pytest.approx(6 / (2 * 16 * 4))
    # Where all groups send the same, it is still their number of spikes that counts.
    assert counted(net, frames(4, 4))["conv2"].synops == 2 * 2 * 3
    (shown,) = spikes(net, frames(2, 4, 6)[0], CPU, 1).values()
    assert shown.sum() == 3 and shown.dtype == bool


def test_a_mean_field_multiplies() -> None:
    found = counted(two(made({"kind": "group", "members": "mean-field"})), frames(2, 4, 6))
    assert (found["conv2"].macs, found["conv2"].synops) == (2 * 3 * 16, 0)


@pytest.mark.parametrize("options", [{"kind": "lif", "output": "analog"}, {"kind": "plif", "output": "analog"}])
@pytest.mark.parametrize("count", [3, 4])
def test_what_an_analog_neuron_sends_is_multiplied(options: dict[str, Any], count: int) -> None:
    # Of count 4 it is 1 and 0 that leave: no spikes all the same.
    net = two(made({"input_scale": 1, "threshold": 0.5, **options}))
    found = counted(net, frames(count, count))
    assert (found["conv2"].macs, found["conv2"].synops) == (2 * 3 * 16, 0)
    assert found["conv1"].firing_rate == pytest.approx(2 / 32)


def test_counts_of_0_and_1_are_multiplied_too() -> None:
    assert counted(two(made({"kind": "if"})), frames(1, 1))["conv1"].macs == 2 * 2 * 16


SPIKING: dict[str, dict[str, Any]] = {
    "if": {"kind": "if", "threshold": 0.7, "start": 0.0},
    "lif": {"kind": "lif", "threshold": 0.7},
    "lif, clamp": {"kind": "lif", "threshold": 0.7, "reset": "clamp", "surrogate": {"kind": "rect"}},
    "plif": {"kind": "plif", "threshold": 0.35},
    "clif": {"kind": "clif", "threshold": 0.7, "output": "scaled"},
    "glif": {"kind": "glif", "threshold": 0.6, "conductance": 0.99},
}


@pytest.mark.parametrize("name", SPIKING)
def test_spikes_add(name: str) -> None:
    net = two(made(SPIKING[name]))
    seen = frames(4, 4, 0, 1)
    # Counts of 4 are currents of 1, which fire once; a count of 1 does not.
    found = counted(net, seen)
    assert (found["conv2"].macs, found["conv2"].synops) == (0, 2 * 3)
    assert found["conv1"].firing_rate == pytest.approx(2 / 32)
    (shown,) = spikes(net, seen[0], CPU, 1).values()
    assert shown.sum() == 2 and shown[0, 0, 0, :2].tolist() == [1, 1]


def test_spikingjellys_own_neurons_are_told_by_what_they_send() -> None:
    settings = {"tau": 2.0, "decay_input": False, "v_threshold": 0.7, "step_mode": "m"}
    assert counted(two(neuron.LIFNode(**settings)), frames(4, 4))["conv2"].synops == 2 * 3
    # Other than ours, they do not say what they send: a sigmoid in place of a spike is none.
    soft = neuron.LIFNode(**settings, surrogate_function=surrogate.Sigmoid(spiking=False))
    assert counted(two(soft), frames(4, 3))["conv2"].macs == 2 * 3 * 16


class Residual(nn.Module):
    """x + f(x) again and again without a neuron on the sum, as SEW blocks and Spikformer have it."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(filled(layer.Conv2d(2, 1, 1, bias=False), 0.25), made({"kind": "if", "start": 0.0}))
        self.blocks = nn.ModuleList(
            nn.Sequential(filled(layer.Conv2d(1, 1, 1, bias=False)), made({"kind": "lif"})) for _ in range(blocks)
        )
        self.pool, self.last = layer.AvgPool2d(2), filled(layer.Conv2d(1, 3, 1, bias=False))
        self.flatten = layer.Flatten()
        functional.set_step_mode(self, "m")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        out: Tensor = self.flatten(self.last(self.pool(x)))
        return out


def test_integer_sums_are_so_many_spikes_through_a_pool_too() -> None:
    net = Residual(5).eval()
    found = counted(net, frames(4, 4, 0, 4))
    # Each of three pixels fires in the stem; each block adds a spike there: 1, 2, 3, 4, 5 enter the blocks.
    assert [found[f"blocks.{number}.0"].synops for number in range(5)] == [3, 6, 9, 12, 15]
    assert (found["last"].macs, found["last"].synops) == (0, 3 * 6 * 3)


class Product(nn.Module):
    """k of q and v: a layer with several inputs that says what it costs, both ways."""

    def forward(self, q: Tensor, v: Tensor) -> Tensor:
        return q.flatten(-2) @ v.flatten(-2).transpose(-1, -2)

    def operations(self, q: Tensor, v: Tensor) -> tuple[int, int]:
        return 5, int(torch.count_nonzero(q)) * int(torch.count_nonzero(v))


class Attended(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = (
            nn.Sequential(filled(layer.Conv2d(2, 1, 1, bias=False), 0.25), made({"kind": "if", "start": start}))
            for start in (0.0, 0.5)
        )
        self.product, self.last = Product(), filled(layer.Linear(1, 3, bias=False))
        functional.set_step_mode(self, "m")

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.product(self.one(x), self.two(x))).flatten(2)
        return out


def test_a_layer_of_several_inputs_says_multiplications_and_additions() -> None:
    found = counted(Attended().eval(), frames(4, 2))
    # One pixel reaches 1; two reach 1 from 1/2.
    assert (found["product"].macs, found["product"].synops) == (5, 1 * 2)
    # What leaves a product is no spike.
    assert (found["last"].macs, found["last"].synops) == (2 * 3, 0)


class Halved(nn.Module):
    """The mean of two neighbouring steps: it hands on their sum of spikes."""

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(0, (-1, 2)).mean(1)

    def operations(self, x: Tensor) -> int:
        return int(torch.count_nonzero(x))

    def passed(self, spikes: Tensor) -> Tensor:
        return spikes.unflatten(0, (-1, 2)).sum(1)


class Shorter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net, self.halved = two(made({"kind": "lif"}))[0], Halved()

    def forward(self, x: Tensor) -> Tensor:
        x = self.net.conv1(x)
        x = self.halved(self.net.act1(x))
        return self.net.flatten(self.net.conv2(x)).expand(2, -1, -1)


def test_a_layer_may_say_how_many_spikes_it_hands_on() -> None:
    seen = frames(4, 4)
    seen[0, 1] = seen[0, 0]
    found = counted(Shorter().eval(), seen)
    # Two pixels fire in both steps; they are summed.
    assert (found["halved"].macs, found["net.conv2"].macs, found["net.conv2"].synops) == (4, 0, 4 * 3)
