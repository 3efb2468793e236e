"""Accuracy, confusion, firing rates and operations on cases that can be counted by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.evaluation.accuracy import confusion, correct_after, predict
from pipeline.evaluation.operations import count_operations, energy_uj
from pipeline.evaluation.results import write_results
from pipeline.nets import IF, QCFS, FrameNet, vgg_snn
from pipeline.nets.dropout import StepDropout
from pipeline.nets.snn5 import Vote
from pipeline.runtime.hardware import Hardware

CPU = Hardware(torch.device("cpu"), "fp32")


def test_accuracy_after_each_step_is_that_of_the_mean_so_far() -> None:
    # Sample 0 is right at once; sample 1 only after the second step outweighs the first; sample 2 never.
    logits = np.array([[[2, 0], [3, 0], [0, 1]], [[0, 1], [0, 4], [0, 1]]], np.float32)
    labels = np.array([0, 1, 0])
    assert correct_after(logits, labels) == [1, 2]
    assert confusion(logits, labels).tolist() == [[1, 1], [0, 1]]


def test_predict_equals_one_pass_whatever_the_batch() -> None:
    net = vgg_snn(4, (16, 16), 1 / 32, lambda: IF(0.2), torch.Generator().manual_seed(0)).eval()
    frames = np.random.default_rng(0).integers(0, 4, (7, 3, 2, 16, 16), np.uint8)
    with torch.no_grad():
        whole = net(torch.from_numpy(frames).transpose(0, 1)).numpy()
    for batch_size in (1, 3, 100):
        np.testing.assert_allclose(predict(net, frames, batch_size, CPU, "t"), whole, rtol=1e-4, atol=1e-5)


def filled(layer: nn.Module) -> nn.Module:
    for parameter in layer.parameters():
        # Not 1: weights of 0 and 1 would count as spikes themselves.
        nn.init.constant_(parameter, 1.5)
    return layer


def two_layers(activation: nn.Module, pool: bool) -> FrameNet:
    layers = {"conv1": filled(nn.Conv2d(2, 1, 1, bias=False)), "act1": activation}
    if pool:
        layers["pool1"] = nn.AvgPool2d(2)
    layers |= {"conv2": filled(nn.Conv2d(1, 3, 1, bias=False)), "act2": IF(1e9), "flatten": nn.Flatten()}
    layers["fc"] = nn.Linear(3 * (4 if pool else 16), 5)
    return FrameNet(layers)


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
    net = FrameNet(
        {"conv1": filled(nn.Conv2d(2, 1, 1, bias=False)), "act1": IF(3.0), "pool1": nn.AvgPool2d(2),
         "flatten": nn.Flatten(), "drop1": StepDropout(0.5), "fc1": filled(nn.Linear(4, 3, bias=False)),
         "act2": IF(0.3), "drop2": StepDropout(0.5), "fc2": filled(nn.Linear(3, 4, bias=False)), "vote": Vote(2)}
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


def test_energy_is_that_of_45_nm() -> None:
    assert energy_uj(1e6, 0) == pytest.approx(4.6)
    assert energy_uj(0, 1e6) == pytest.approx(0.9)


def test_results_are_whole_and_repeatable(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(3, 20, 4)).astype(np.float32), rng.integers(0, 4, 20)
    net = two_layers(IF(2.0), False)
    layers = count_operations(net, np.ones((1, 2, 2, 4, 4), np.uint8), 1, CPU, "t")
    for name in ("a", "b"):
        write_results(tmp_path / name, logits, labels, list("wxyz"), layers, (("epoch",), [[1]]), {"levels": 8})
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["accuracy.csv", "confusion.csv", "curves.csv", "layers.csv", "logits.npz", "metrics.json"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    kept = np.load(tmp_path / "a" / "logits.npz", allow_pickle=False)
    np.testing.assert_array_equal(kept["logits"], logits)
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert metrics["accuracy"] == (logits.mean(0).argmax(-1) == labels).mean()
    with open(tmp_path / "a" / "confusion.csv") as file:
        counts = np.array([list(map(int, row[1:])) for row in list(csv.reader(file))[1:]])
    assert counts.sum() == 20 and np.trace(counts) == round(metrics["accuracy"] * 20)
