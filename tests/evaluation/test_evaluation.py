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
from pipeline.evaluation.results import Arrival, Maps, write_results
from pipeline.nets import IF, QCFS, FrameNet, vgg_snn
from pipeline.nets.attention import TCJA
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


def test_attention_is_counted_and_the_layer_behind_still_adds() -> None:
    attention = TCJA(2, 1, 3, 2)
    layers = {"conv1": filled(nn.Conv2d(2, 1, 1, bias=False)), "act1": IF(3.0), "tcja_act1": attention,
              "flatten": nn.Flatten(), "fc": filled(nn.Linear(16, 5, bias=False))}  # fmt: skip
    frames = np.zeros((1, 2, 2, 4, 4), np.uint8)
    frames[0, 0, 0, :2, 0] = 2  # two spikes, in step 0
    first, weighed, last = count_operations(FrameNet(layers), frames, 1, CPU, "t")
    # Over steps: 2 x 2 channels of width 3 at one place; over channels: 1 x 1 of width 2 at two; one for each spike.
    assert (weighed.name, weighed.macs, weighed.synops) == ("tcja_act1", 2 * 2 * 3 + 2 * 2 + 2, 0)
    assert (last.macs, last.synops) == (0, 2 * 5)
    assert first.firing_rate == pytest.approx(2 / (2 * 16)) and weighed.firing_rate is None


def test_arrival_by_hand() -> None:
    # Four frames of two recordings; the network sees the last two.
    ended = np.array([[2, 4, 6, 8], [0, 1, 1, 4]])
    ended_us = np.array([[1000, 2000, 2500, 4000], [0, 0, 0, 9500]])
    arrival = Arrival.of(ended, ended_us, slice(2, 4))
    assert arrival.share.tolist() == [[0.75, 0.25], [1.0, 1.0]]
    assert arrival.time_ms.tolist() == [[2.5, 0.0], [4.0, 9.5]]
    assert arrival.share.dtype == arrival.time_ms.dtype == np.float32
    # Events after the last frame seen count: a network of the first half never has all of a recording.
    assert Arrival.of(ended, ended_us, slice(0, 2)).share.tolist() == [[0.25, 0.0], [0.5, 0.25]]
    # An empty recording cannot be: but it would be no division by nothing.
    assert Arrival.of(ended * 0, ended_us, slice(0, 1)).share.tolist() == [[0.0, 0.0]]


def test_results_are_whole_and_repeatable(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(3, 20, 4)).astype(np.float32), rng.integers(0, 4, 20)
    arrival = Arrival(rng.random((3, 20), np.float32), rng.random((3, 20), np.float32) * 100)
    net = two_layers(IF(2.0), False)
    layers = count_operations(net, np.ones((1, 2, 2, 4, 4), np.uint8), 1, CPU, "t")
    maps = Maps(np.ones((3, 1, 4, 4), np.uint8), np.full((3, 2, 4, 4), 7, np.uint8), "w/1")
    for name, shown in (("a", maps), ("b", maps), ("c", None)):
        curves = (("epoch", "val_accuracy"), [[1, ""], [2, 0.5]])
        write_results(tmp_path / name, logits, labels, arrival, list("wxyz"), layers, curves, shown, {"levels": 8})
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == [
        "accuracy.csv", "confusion.csv", "curves.csv", "layers.csv", "logits.npz", "maps.npz", "metrics.json",
    ]  # fmt: skip
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    # An ANN has no spikes to show.
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [name for name in files if name != "maps.npz"]
    kept = np.load(tmp_path / "a" / "logits.npz", allow_pickle=False)
    assert set(kept) == {"logits", "label", "share", "time_ms"}
    np.testing.assert_array_equal(kept["logits"], logits)
    np.testing.assert_array_equal(kept["share"], arrival.share)
    np.testing.assert_array_equal(kept["time_ms"], arrival.time_ms)
    shown = np.load(tmp_path / "a" / "maps.npz", allow_pickle=False)
    assert set(shown) == {"spikes", "frames", "name"} and str(shown["name"]) == "w/1"
    np.testing.assert_array_equal(shown["frames"], maps.frames)
    assert (tmp_path / "a" / "curves.csv").read_text().split() == ["epoch,val_accuracy", "1,", "2,0.5"]
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert metrics["accuracy"] == (logits.mean(0).argmax(-1) == labels).mean()
    with open(tmp_path / "a" / "confusion.csv") as file:
        counts = np.array([list(map(int, row[1:])) for row in list(csv.reader(file))[1:]])
    assert counts.sum() == 20 and np.trace(counts) == round(metrics["accuracy"] * 20)


def test_a_network_that_mixes_steps_has_waited_for_all_frames() -> None:
    ended, ended_us = np.array([[1, 3, 4]]), np.array([[10, 30, 50]])
    seen = Arrival.of(ended, ended_us, slice(0, 2))
    np.testing.assert_allclose(seen.share, [[0.25], [0.75]])
    mixed = Arrival.of(ended, ended_us, slice(0, 2), causal=False)
    np.testing.assert_allclose(mixed.share, [[0.75], [0.75]])
    np.testing.assert_allclose(mixed.time_ms, [[0.03], [0.03]])
