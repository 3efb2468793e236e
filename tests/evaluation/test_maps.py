"""Firing-rate maps show the first layer's own spikes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import layer

from pipeline.evaluation.maps import spikes
from pipeline.nets.forward import forward, laid_out
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.lif import LIF
from pipeline.nets.layers.qcfs import QCFS
from pipeline.runtime.hardware import Hardware
from tests.networks import chain, vgg_snn

CPU = Hardware(torch.device("cpu"), "fp32")
# No two axes of the same length, so that no two can be mistaken for each other.
T, H, W = 5, 16, 22


@pytest.mark.parametrize("activation", [lambda: IF(0.7), lambda: LIF(0.7)])
def test_are_the_spikes_that_leave_the_first_neuron(activation) -> None:
    net = vgg_snn(4, (H, W), 7 / 64, activation, torch.Generator().manual_seed(0))
    frames = np.random.default_rng(0).integers(0, 4, (T, 2, H, W), np.uint8)
    forward(net.train(), torch.from_numpy(frames)[:, None])
    sent = spikes(net, frames, CPU, 1)["act1"]
    assert sent.shape == (T, 7, H, W) and sent.dtype == bool and set(np.unique(sent)) == {False, True}
    net.eval()
    current = net.layers.bn1(net.layers.conv1(laid_out(torch.from_numpy(frames)[:, None])))
    with torch.no_grad():
        wanted = net.layers.act1(current)[:, 0] > 0
    # Batch norm is folded: a membrane at the threshold may fall on either side of it.
    assert (sent != wanted.numpy()).mean() < 1e-3


def test_by_hand() -> None:
    net = chain(
        {"conv1": layer.Conv2d(2, 2, 1, bias=False), "act1": IF(1.0), "act2": IF(1.0), "flatten": layer.Flatten(),
                    "fc": layer.Linear(2 * 3 * 4, 2)})  # fmt: skip
    with torch.no_grad():
        net.layers.conv1.weight.copy_(torch.tensor([[0.5, 0.0], [0.0, 0.25]]).view(2, 2, 1, 1))
    frames = np.zeros((2, 2, 3, 4), np.uint8)
    frames[0, 0, 1, 2] = 1  # channel 0 fires at once: v(0) + 1/2
    frames[:, 1, 2, 3] = 1  # channel 1 in the second step: v(0) + 2/4
    wanted = np.zeros((2, 2, 3, 4), np.uint8)
    wanted[0, 0, 1, 2] = wanted[1, 1, 2, 3] = 1
    np.testing.assert_array_equal(spikes(net, frames, CPU, 1)["act1"], wanted)


def test_a_network_without_spikes_has_none_and_looking_leaves_no_hook() -> None:
    frames = np.ones((T, 2, H, W), np.uint8)
    assert spikes(vgg_snn(4, (H, W), 1 / 32, lambda: QCFS(4, 2.0)), frames, CPU, 1) == {}
    net = vgg_snn(4, (H, W), 1 / 32, lambda: IF(0.5))
    assert list(spikes(net, frames, CPU, 2)) == ["act1", "act2"]
    assert not net.layers.get_submodule("act1")._forward_hooks
