"""Networks: what is timed is the same, ours and the peers'; where the time goes; the GPU's functions on a CPU."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import export, gpu, nets
from benchmarks.core import OURS, Context
from benchmarks.nets import ANN, FP32, HSD, IF, LIF
from benchmarks.peers import JELLY_NET, LAYER_LOOP, PLAIN, STEP_LOOP, Peer, PlainQCFS
from benchmarks.report import UNMEASURED


def trained(context: Context, monkeypatch: pytest.MonkeyPatch, name: str, recipe: str) -> tuple[float, list[nn.Module]]:
    """A step's loss, and the layers with weights, their gradients still there."""
    found: list[nn.Module] = []

    def noted(net: nn.Module, mode: bool = True) -> nn.Module:
        # Its children follow.
        found.append(net)
        return train(net, mode)

    train = nn.Module.train
    with monkeypatch.context() as patch:
        patch.setattr(nn.Sequential, "train", noted)
        patch.setattr(Peer, "train", noted)
        step = nets.trainer(context, name, recipe, 3)
        net = found[0]
    loss = step()
    return loss, list(net.get_submodule("layers").children())


def gradients(layers: list[nn.Module]) -> list[torch.Tensor]:
    return [p.grad for layer in layers for p in layer.parameters() if p.dim() > 1 and p.grad is not None]


@pytest.mark.parametrize("recipe", [IF, LIF])
@pytest.mark.parametrize("peer", [LAYER_LOOP, JELLY_NET])
def test_a_training_step_is_the_peers(
    context: Context, monkeypatch: pytest.MonkeyPatch, peer: str, recipe: str
) -> None:
    own, layers = trained(context, monkeypatch, FP32, recipe)
    theirs, others = trained(context, monkeypatch, peer, recipe)
    assert own == pytest.approx(theirs, rel=1e-5)
    pairs = list(zip(gradients(layers), gradients(others), strict=True))
    assert len(pairs) == 9
    for mine, other in pairs:
        torch.testing.assert_close(mine.reshape(other.shape), other, rtol=1e-3, atol=1e-5)
    # Not a network that is silent: its first layer learns.
    assert pairs[0][0].abs().max() > 0


def test_a_qcfs_training_step_is_the_peers(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    own, layers = trained(context, monkeypatch, FP32, ANN)
    theirs, others = trained(context, monkeypatch, PLAIN, ANN)
    # A sum that rounds across a level moves all behind it a little.
    assert own == pytest.approx(theirs, rel=nets.TOLERANCE)
    assert [x.shape for x in gradients(layers)] == [x.shape for x in gradients(others)]
    # Of the same input and λ, each activation gives the same, and the same gradients.
    pairs = [(mine, other) for mine, other in zip(layers, others, strict=True) if isinstance(other, PlainQCFS)]
    assert len(pairs) == 8
    for mine, other in pairs:
        found = []
        other.threshold.data.fill_(mine.threshold.item())  # type: ignore[union-attr,operator]
        for layer in (mine, other):
            layer.zero_grad()
            z = (4 * torch.randn(3, 16, 9, 9, generator=torch.Generator().manual_seed(1))).requires_grad_()
            out = layer(z)
            (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
            found.append((out.detach(), z.grad, layer.threshold.grad.reshape(())))  # type: ignore[union-attr,operator]
        torch.testing.assert_close(found[0][:2], found[1][:2])
        torch.testing.assert_close(found[0][2], found[1][2], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("peer", [STEP_LOOP, LAYER_LOOP, JELLY_NET])
def test_inference_is_the_peers(context: Context, peer: str) -> None:
    own, theirs = (nets.answerer(context, name, "3")() for name in (FP32, peer))
    np.testing.assert_allclose(own, theirs, rtol=1e-4, atol=1e-5)
    # The networks fire: what is compared is not a bias.
    assert own.std(0).max() > 1e-3


def test_peers_share_nothing_with_our_network_and_are_torchs_own_layers(context: Context) -> None:
    _, net, _ = nets.planned(context, ANN, context.dataset)
    before = [parameter.clone() for parameter in net.parameters()]
    peer = Peer(PLAIN, net)
    for parameter in peer.parameters():
        nn.init.zeros_(parameter)
    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
    kinds = {type(layer) for layer in peer.layers}
    assert {nn.Conv2d, nn.BatchNorm2d, nn.AvgPool2d, nn.Flatten, nn.Linear} < kinds


def test_a_loop_needs_a_threshold_of_one(context: Context) -> None:
    _, net, _ = nets.planned(context, IF, context.dataset, threshold=2.0)
    with pytest.raises(ValueError, match=r"expected a threshold of 1, found 2\.0"):
        Peer(STEP_LOOP, net)


@pytest.mark.slow
def test_rows_compare_every_peer_and_say_whether_losses_are_equal(context: Context) -> None:
    results = nets.snn(context)
    assert [result.peer for result in results] == [*nets.SNN_GOALS] * 2
    notes = {result.peer: result.note for result in results}
    assert "equal to tolerance" in notes[JELLY_NET] and "equal to tolerance" in notes[LAYER_LOOP]
    assert "batch norm sees each step alone" in notes[STEP_LOOP]
    (ann,) = nets.ann(context)
    assert (ann.peer, ann.case) == (PLAIN, "VGG-SNN ×0.125, QCFS L = 8, 34×34, T = 5, batch 3")
    assert "equal to tolerance" in ann.note


def test_inference_is_measured_at_each_t(context: Context) -> None:
    results = nets.inference(context)
    assert [result.case.split(", ")[3] for result in results] == ["T = 1"] * 3 + ["T = 2"] * 3
    assert all("logits differ" in result.note and result.goal == "≥ 3×" for result in results)


def test_8_bits_stand_beside_the_peers_and_ours_without_them(context: Context) -> None:
    results = nets.int8(context)
    assert [result.peer for result in results] == [nets.BF16, *nets.SNN_GOALS] * 2
    assert results[0].case == "VGG-SNN ×0.125, IF, int8, 34×34, T = 1, batch 3"
    made = nets.answerer(context, OURS, "1", {OURS: "int8"})()
    assert not np.array_equal(made, nets.answerer(context, FP32, "1")())


def test_other_losses_are_called_so() -> None:
    losses = {FP32: 2.0, OURS: 2.0, "peer": 1.9}
    assert "NOT EQUAL" in nets.equality(losses, "peer")
    assert "equal to tolerance" in nets.equality({**losses, "peer": 1.95}, "peer")
    logits = {FP32: np.array([1.0, 2.0]), "peer": np.array([1.0, 3.0])}
    assert nets.equality(logits, "peer") == "logits differ from ours in fp32 by at most 1.0e+00 of their sd"


def test_the_memory_row_weighs_both_peers(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    grown = iter([30 << 20, 60 << 20, 90 << 20])
    monkeypatch.setattr(nets, "growth", lambda *_: next(grown))
    jelly, loop = nets.memory(context)
    assert (jelly.ours, jelly.theirs, jelly.ratio and jelly.ratio["median"]) == (30.0, 60.0, 0.5)
    assert (loop.theirs, jelly.verdict, loop.verdict) == (90.0, "met", "report")


def test_memory_counts_what_a_step_adds() -> None:
    hoard, kept = 64 << 20, list[torch.Tensor]()
    grown = nets.growth(lambda: kept.append(torch.ones(hoard // 4)), "cpu")
    # The kernel counts pages by and by.
    assert nets.GROWING * hoard * 0.9 < grown < nets.GROWING * hoard * 1.5


def test_without_a_card_every_goal_is_not_measured(context: Context) -> None:
    results = gpu.gpu(context)
    assert len(results) == 4 and {result.verdict for result in results} == {UNMEASURED}
    assert all("no CUDA device" in result.note for result in results)


@pytest.mark.parametrize("recipe", [ANN, HSD, IF])
def test_every_training_takes_steps(context: Context, recipe: str) -> None:
    step = nets.trainer(context, OURS, recipe)
    first = step()
    assert first > 0 and step() != first


def test_operations_by_hand(context: Context) -> None:
    # Channels at width 1/8 and 34 px: multiplications of each convolution on its map, then the read-out of 2 x 2 px.
    layers = [(2, 8, 34), (8, 16, 34), (16, 32, 17), (32, 32, 17), (32, 64, 8), (64, 64, 8), (64, 64, 4), (64, 64, 4)]
    convolutions = [9 * inputs * outputs * side**2 for inputs, outputs, side in layers]
    forward = sum(convolutions) + 64 * 4 * 10
    # Backward: for weights and for inputs; the first layer's input needs none. 3 steps of 3 recordings.
    expected = 2 * 3 * 3 * (3 * forward - convolutions[0])
    assert gpu.operations(nets.trainer(context, OURS, ANN, 3)) == expected


def test_the_projections_arithmetic() -> None:
    result = gpu.projected(ann=0.5, hsd=0.8, batch=128)
    # 71 batches of 9,000 recordings.
    assert result.ours == pytest.approx(71 * (300 * 0.5 + 100 * 0.8) / 3600)
    assert "71 steps an epoch × (300 epochs × 0.5000 s + 100 × 0.8000 s) = 4.54 h" in result.note


def test_all_goals_are_measured_where_there_is_a_device(context: Context) -> None:
    share, finetuning, loop, projection = gpu.goals(context)
    assert share.ratio is not None and share.ours is not None and share.theirs is not None
    assert share.ratio["median"] == pytest.approx(share.ours / share.theirs)
    assert share.unit == "TFLOP/s" and finetuning.peer == "ANN training" and loop.peer == STEP_LOOP
    assert projection.unit == "h" and projection.ratio is None


def test_rates_of_two_dtypes_take_turns(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.dtype] = []

    def seconds(run: Callable[[], torch.Tensor], device: str) -> float:
        seen.append(run().dtype)
        return 2 * 512**3 / 1e9

    monkeypatch.setattr(gpu, "seconds", seconds)
    assert gpu.rates(context, torch.bfloat16, torch.float32) == pytest.approx([1.0] * 4)
    assert seen == [torch.bfloat16, torch.float32] * 4


@pytest.mark.slow
def test_limit_compares_rates_of_the_same_unit(context: Context) -> None:
    product, *steps = gpu.limit(context)
    assert product.peer == "the same in fp32" and product.turns == 2
    assert len(steps) == 3 and {result.unit for result in (product, *steps)} == {"GFLOP/s"}
    for result in (product, *steps):
        assert result.ours and result.theirs and result.ours > 0 and result.theirs > 0
    assert all("GFLOP a step" in result.note for result in steps)


def test_shares_are_of_the_whole_and_find_the_convolution() -> None:
    net, x = nn.Conv2d(16, 16, 3), torch.randn(8, 16, 32, 32)
    found = gpu.shares(lambda: net(x).sum().backward())
    assert sum(found.values()) == pytest.approx(1) and min(found.values()) > -1e-9
    assert found["convolution forward"] > 0.05 and found["convolution backward"] > 0.05
    assert found["neurons and QCFS"] == 0 and found["optimizer"] == 0


@pytest.mark.slow
def test_every_training_is_profiled(context: Context) -> None:
    results = gpu.profile(context)
    titles = list(dict.fromkeys(result.case for result in results))
    assert len(titles) == 6 and len(results) == 6 * 7
    for title in titles:
        parts = {result.peer: result.ours or 0.0 for result in results if result.case == title}
        assert sum(parts.values()) == pytest.approx(100)
        assert parts["neurons and QCFS"] > 1 and parts["optimizer"] > 0
    # No checkpoint of a profile is left to end another one.
    assert not any(context.folder.rglob("*.pt*"))


def test_full_size_is_the_papers_network(context: Context) -> None:
    full = replace(context, quick=False)
    assert nets.case(full, "IF", 5) == "VGG-SNN ×1, IF, 48×48, T = 5, batch 8"
    with torch.device("meta"):
        _, net, _ = nets.planned(replace(full, params=full.params), IF, full.dataset)
    assert sum(parameter.numel() for parameter in net.parameters()) == 9_271_498


def test_an_exported_network_is_timed_and_its_files_are_measured(context: Context) -> None:
    (row,) = export.export(context)
    assert row.turns == 2 and row.ours and row.theirs
    assert [part.split()[0] for part in row.note.partition("; ")[2].split(", ")] == ["onnx", "nir", "safetensors"]
