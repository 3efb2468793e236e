from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks import batches, memory, nets, ours
from benchmarks.context import Context
from benchmarks.isolated import Isolated
from benchmarks.peers.loop import layers_of
from benchmarks.peers.plain_qcfs import plain_ann
from benchmarks.peers.trainer import PeerTrainer
from pipeline.errors import PipelineError
from pipeline.nets import IF, FrameNet


def gradients(trainer: ours.Trainer | PeerTrainer) -> list[torch.Tensor]:
    return [p.grad for layer in trainer.net.layers for p in layer.parameters() if p.dim() > 1 and p.grad is not None]


@pytest.mark.parametrize("neuron", nets.NEURONS)
@pytest.mark.parametrize("peer", [nets.LAYER_LOOP, nets.JELLY])
def test_a_training_step_is_the_peers(context: Context, neuron: str, peer: str) -> None:
    batch = batches.batch_of(context, 3)
    own = nets.snn_trainer(context, nets.FP32, neuron, batch)
    theirs = nets.snn_trainer(context, peer, neuron, batch)
    assert own.step().item() == pytest.approx(theirs.step().item(), rel=1e-5)
    pairs = list(zip(gradients(own), gradients(theirs), strict=True))
    assert len(pairs) == 9
    for mine, other in pairs:
        torch.testing.assert_close(mine.reshape(other.shape), other, rtol=1e-3, atol=1e-5)
    # Not a network that is silent: its first layer learns.
    assert pairs[0][0].abs().max() > 0


@pytest.mark.parametrize("neuron", nets.NEURONS)
@pytest.mark.parametrize("peer", nets.PEERS)
def test_inference_is_the_peers(context: Context, neuron: str, peer: str) -> None:
    batch = batches.batch_of(context, 3)
    net = batches.settle(ours.snn(context.sizes.shape, neuron, 0), batch)
    own = nets.answering(context, nets.FP32, net)(batch)
    with torch.no_grad():
        theirs = nets.answering(context, peer, net)(batch)
    torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-5)
    # The networks fire: what is compared is not a bias.
    assert own.std(0).max() > 1e-3


def test_a_qcfs_training_step_is_the_peers(context: Context) -> None:
    batch = batches.batch_of(context, 3)
    own, theirs = (nets.ann_trainer(context, name, batch) for name in (nets.FP32, nets.PLAIN))
    assert own.step().item() == pytest.approx(theirs.step().item(), rel=1e-5)
    for mine, other in zip(gradients(own), gradients(theirs), strict=True):
        torch.testing.assert_close(mine.reshape(other.shape), other, rtol=1e-3, atol=1e-5)
    thresholds = [
        [layer.threshold.grad.item() for layer in trainer.net.layers if hasattr(layer, "threshold")]
        for trainer in (own, theirs)
    ]
    assert thresholds[0] == pytest.approx(thresholds[1], rel=1e-3, abs=1e-5)


def test_peers_share_nothing_with_our_network(context: Context) -> None:
    net = ours.ann(context.sizes.shape, 4, 2.0, 0)
    before = [parameter.clone() for parameter in net.parameters()]
    for parameter in plain_ann(net).parameters():
        nn.init.zeros_(parameter)
    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))


def test_a_loop_needs_a_threshold_of_one() -> None:
    with pytest.raises(ValueError, match="act: expected a threshold of 1, found 2.0"):
        layers_of(FrameNet({"act": IF(2.0)}))


def calls(number: int) -> dict[str, object]:
    def fail() -> None:
        raise ValueError("no good")

    return {"number": lambda: number, "fail": fail}


def test_a_candidate_lives_in_a_process_of_its_own() -> None:
    with Isolated(calls, 7) as one:
        assert [one.call("number"), one.call("number")] == [7, 7]
        with pytest.raises(PipelineError, match="ValueError: no good"):
            one.call("fail")
    assert not one.process.is_alive()


def test_rows_compare_every_peer_and_say_whether_losses_are_equal(context: Context) -> None:
    results = nets.snn_step(context)
    assert [result.peer for result in results] == [*nets.PEERS] * 2
    notes = {result.peer: result.note for result in results}
    assert "equal to tolerance" in notes[nets.JELLY] and "equal to tolerance" in notes[nets.LAYER_LOOP]
    assert "batch norm sees each step alone" in notes[nets.STEP_LOOP]
    (ann,) = nets.ann_step(context)
    assert ann.peer == nets.PLAIN and "equal to tolerance" in ann.note
    assert len(nets.inference(context)) == len(nets.PEERS) * len(context.sizes.inference_steps)


def test_other_losses_are_called_so() -> None:
    losses = {nets.FP32: 2.0, nets.OURS: 2.0, "peer": 1.9}
    assert "NOT EQUAL" in nets._same_loss(losses, "peer")
    assert "equal to tolerance" in nets._same_loss({**losses, "peer": 1.95}, "peer")


def test_the_memory_row_weighs_both_peers(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    grown = iter([30 * memory.MIB, 60 * memory.MIB, 90 * memory.MIB])
    monkeypatch.setattr(memory, "growth", lambda *_: next(grown))
    jelly, loop = memory.memory(context)
    assert (jelly.ours, jelly.theirs, jelly.ratio.median if jelly.ratio else None) == (30.0, 60.0, 0.5)
    assert (loop.theirs, jelly.verdict, loop.verdict) == (90.0, "met", "report")


HOARD = 64 * memory.MIB


def test_memory_counts_what_a_step_adds(context: Context) -> None:
    trainer = nets.snn_trainer(context, nets.JELLY, "if", batches.batch_of(context, 3))

    class Hoards:
        kept: list[torch.Tensor]

        def __init__(self) -> None:
            self.kept = []

        def step(self) -> torch.Tensor:
            self.kept.append(torch.ones(HOARD // 4))
            return trainer.step()

    grown = memory.growth(Hoards(), "cpu")  # type: ignore[arg-type]
    # The kernel counts pages by and by.
    assert memory.STEPS * HOARD * 0.9 < grown < memory.STEPS * HOARD * 1.5
