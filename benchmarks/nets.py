"""Rows of the networks: training steps and inference, ours as the pipeline runs it against fp32 peers.

Each candidate has a process of its own, and the same weights, frames and optimiser; losses and logits are compared
before anything is timed, ours in fp32.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import batches, machine, ours
from benchmarks.batches import Batch, case
from benchmarks.context import Context
from benchmarks.isolated import Calls, Isolated, pause
from benchmarks.measure import Candidate, alternate
from benchmarks.peers.jelly_net import jelly_net
from benchmarks.peers.loop import LayerLoop, StepLoop, layers_of
from benchmarks.peers.plain_qcfs import plain_ann
from benchmarks.peers.trainer import PeerTrainer
from benchmarks.result import Goal, Result, timed
from pipeline.nets import FrameNet
from pipeline.training.losses import ace, ce_mean

OURS, FP32 = "ours", "ours fp32"
STEP_LOOP, LAYER_LOOP, JELLY = "time loop, fp32", "TET's layers, fp32", "SpikingJelly multi-step"
PLAIN = "plain PyTorch, fp32"
PRECISION = {OURS: "auto", FP32: "fp32"}
PEERS: dict[str, Callable[[FrameNet], nn.Module]] = {
    STEP_LOOP: lambda net: StepLoop(layers_of(net)),
    LAYER_LOOP: lambda net: LayerLoop(layers_of(net)),
    JELLY: jelly_net,
}
NEURONS = ("if", "lif")
TRAINING = {STEP_LOOP: Goal(">=", 3), LAYER_LOOP: Goal(">=", 3), JELLY: Goal(">=", 1.3)}
ANN_TRAINING = Goal(">=", 3)
INFERENCE = Goal(">=", 3)
# Relative difference of two fp32 losses: sums in another order, and the spikes that flip with them.
TOLERANCE = 0.05
LEVELS, THRESHOLD = 16, 8.0


def snn_trainer(context: Context, name: str, neuron: str, batch: Batch) -> ours.Trainer | PeerTrainer:
    """Make the trainer of ours, or of a peer, for a spiking network with random weights."""
    net = ours.snn(context.sizes.shape, neuron, context.seed)
    if name in PRECISION:
        hardware = ours.settings(context.device, PRECISION[name])
        return ours.snn_trainer(net, neuron, None, context.params, hardware, batch.frames, batch.labels)
    machine.torch_defaults()
    optimiser = context.params.dataset("cifar10dvs").finetune.random.optimiser
    return PeerTrainer(PEERS[name](net), optimiser, ce_mean, batch)


def ann_trainer(context: Context, name: str, batch: Batch) -> ours.Trainer | PeerTrainer:
    """Make the trainer of ours, or of the peer, for a QCFS network; the gradient at the edges is the authors'."""
    net = ours.ann(context.sizes.shape, LEVELS, THRESHOLD, context.seed, "clamp")
    if name in PRECISION:
        hardware = ours.settings(context.device, PRECISION[name])
        return ours.ann_trainer(net, context.params, hardware, batch.frames, batch.labels)
    machine.torch_defaults()
    optimiser = context.params.dataset("cifar10dvs").train_ann.schedule.optimiser
    return PeerTrainer(plain_ann(net), optimiser, ace, batch)


def snn_calls(context: Context, name: str) -> Calls:
    """Give a candidate's training steps by neuron; each returns the loss."""
    batch = batches.batch_of(context, context.sizes.phase)
    trainers = {neuron: snn_trainer(context, name, neuron, batch) for neuron in NEURONS}
    return {neuron: partial(_loss, trainer) for neuron, trainer in trainers.items()}


def ann_calls(context: Context, name: str) -> Calls:
    """Give a candidate's training step, which returns the loss."""
    batch = batches.batch_of(context, context.sizes.phase)
    return {"step": partial(_loss, ann_trainer(context, name, batch))}


def inference_calls(context: Context, name: str) -> Calls:
    """Give a candidate's inference by T, and its logits of it (`logits <T>`), on the CPU."""
    calls: dict[str, Callable[[], Any]] = {}
    for steps in context.sizes.inference_steps:
        batch = batches.batch_of(context, steps)
        net = batches.settle(ours.snn(context.sizes.shape, "if", context.seed), batch)
        logits = partial(_logits, answering(context, name, net), batch)
        calls |= {str(steps): partial(_discard, logits), f"logits {steps}": partial(_listed, logits)}
    return calls


def answering(context: Context, name: str, net: FrameNet) -> Callable[[Batch], Tensor]:
    """Make a function from a batch to logits [T, N, C] on the CPU, for ours or a peer."""
    if name in PRECISION:
        own = ours.Inference(net, ours.settings(context.device, PRECISION[name]))
        return lambda batch: own.logits(batch.frames)
    machine.torch_defaults()
    peer = PEERS[name](net).eval().to(context.device)
    return lambda batch: peer(batch.floats).cpu()


def snn_step(context: Context) -> list[Result]:
    """Time a training step of the spiking VGG, with integrate-and-fire and with leaky neurons."""
    results = []
    with ExitStack() as stack:
        running = {name: stack.enter_context(Isolated(snn_calls, context, name)) for name in (OURS, FP32, *PEERS)}
        for neuron in NEURONS:
            losses = {name: one.call(neuron) for name, one in running.items()}
            load = machine.load()
            times = _in_turn(running, neuron, context)
            what = case(context, neuron.upper(), context.sizes.phase)
            for name in PEERS:
                note = _same_loss(losses, name)
                if name == STEP_LOOP:
                    # Its batch norm sees each step by itself: by construction another loss in training.
                    note = "batch norm sees each step alone, so its training loss is another; logits: see inference"
                results.append(timed("snn", what, name, TRAINING[name], times, load=load, note=note))
    return results


def ann_step(context: Context) -> list[Result]:
    """Time a training step of the QCFS VGG."""
    with ExitStack() as stack:
        running = {name: stack.enter_context(Isolated(ann_calls, context, name)) for name in (OURS, FP32, PLAIN)}
        losses = {name: one.call("step") for name, one in running.items()}
        load = machine.load()
        times = _in_turn(running, "step", context)
    what = case(context, f"QCFS L = {LEVELS}", context.sizes.phase)
    return [timed("ann", what, PLAIN, ANN_TRAINING, times, load=load, note=_same_loss(losses, PLAIN))]


def inference(context: Context) -> list[Result]:
    """Time inference of one batch, IF neurons, at each T."""
    results = []
    with ExitStack() as stack:
        running = {name: stack.enter_context(Isolated(inference_calls, context, name)) for name in (OURS, FP32, *PEERS)}
        for steps in context.sizes.inference_steps:
            logits = {name: torch.tensor(one.call(f"logits {steps}")) for name, one in running.items()}
            load = machine.load()
            times = _in_turn(running, str(steps), context)
            for name in PEERS:
                apart = (logits[FP32] - logits[name]).abs().max() / logits[name].std()
                note = f"logits differ from ours in fp32 by at most {apart:.1e} of their sd"
                results.append(
                    timed("inference", case(context, "IF", steps), name, INFERENCE, times, load=load, note=note)
                )
    return results


def _in_turn(running: dict[str, Isolated], call: str, context: Context) -> dict[str, list[float]]:
    candidates = [Candidate(name, partial(one.call, call), pause) for name, one in running.items() if name != FP32]
    return alternate(candidates, context.sizes.net_rounds)


def _same_loss(losses: dict[str, float], peer: str) -> str:
    apart = abs(losses[FP32] - losses[peer]) / losses[peer]
    word = "equal to tolerance" if apart <= TOLERANCE else "NOT EQUAL"
    return f"first loss {losses[peer]:.4f}; ours {losses[FP32]:.4f} in fp32 ({word}), {losses[OURS]:.4f} as run"


def _loss(trainer: ours.Trainer | PeerTrainer) -> float:
    # Reading the number waits for the device.
    return float(trainer.step())


@torch.no_grad()
def _logits(answer: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
    return answer(batch)


def _discard(logits: Callable[[], Tensor]) -> None:
    logits()


def _listed(logits: Callable[[], Tensor]) -> Any:
    return logits().tolist()
