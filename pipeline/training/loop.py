"""The one training loop, for the ANN and for every SNN.

Nothing random is kept from one step to the next: the order of an epoch and the noise of a step follow from the seed
and their numbers, so a training that goes on from a checkpoint ends with the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.config import Augment, Optimiser, Schedule
from pipeline.errors import TrainingError
from pipeline.nets import FrameNet
from pipeline.runtime.guard import Interrupt
from pipeline.runtime.hardware import Hardware
from pipeline.runtime.progress import progress
from pipeline.training.augment import augment
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.recipes import Objective, Soft, Terms
from pipeline.training.steps import Backward, bptt

TERMS = ("loss", "ce", "distillation")
# Marks the stream of a step's augmentation, so that it has nothing in common with the step's other noise.
AUGMENTATION = 1
# What may be measured after an epoch, beside the training; none of it changes the training.
WATCHED = ("val_accuracy", "test_accuracy")
# (network, epoch from 1) -> those of WATCHED that were measured, 0 to 1. It may leave the network in eval mode.
Watch = Callable[[FrameNet, int], dict[str, float]]


class Interrupted(KeyboardInterrupt):
    """A training was asked to stop; its state is saved."""


@dataclass(frozen=True)
class Curves:
    """One row an epoch: epoch (from 1), learning rate, mean loss terms, accuracy on the training frames, WATCHED.

    None where something was not measured. `best`: {"epoch", "accuracy", "net"} of the epoch with the highest
    val_accuracy, the first of equals; None where it was never measured.
    """

    header: tuple[str, ...]
    rows: list[list[float | None]]
    best: dict[str, Any] | None = None


def fit(
    net: FrameNet,
    frames: NDArray[np.uint8],
    labels: NDArray[np.int64],
    objective: Objective,
    schedule: Schedule,
    seed: int,
    hardware: Hardware,
    checkpoint: Checkpoint,
    title: str,
    augmentation: Augment | None = None,
    backward: Backward = bptt,
    watch: Watch | None = None,
) -> Curves:
    """Train a network in place, from its checkpoint if there is one.

    The checkpoint stays, finished, for the caller to delete once it has written what comes of it: a kill before that
    costs no training.

    Args:
        frames: counts [N, T, 2, H, W], only those of the phase. labels: [N].
        objective: gives the loss of a batch; what it has of parameters is trained too.
        seed: of the order of the samples.
        title: for the progress bar.
        augmentation: how each batch is varied; None, not at all.
        backward: how the gradient of a batch comes about.
        watch: measures the network after each epoch; it decides nothing.

    Raises:
        Interrupted: on SIGINT or SIGTERM, after saving.
        TrainingError: the loss is no longer finite.
    """
    device = hardware.device
    net.to(device)
    objective.to(device)
    inputs, targets = torch.from_numpy(frames).to(device), torch.from_numpy(labels).to(device)
    optimiser = make_optimiser([*net.parameters(), *objective.parameters()], schedule.optimiser)
    state = _Progress(device)
    saved = checkpoint.load()
    if saved is not None:
        net.load_state_dict(saved["net"])
        objective.load_state_dict(saved["objective"])
        optimiser.load_state_dict(saved["optimiser"])
        state.restore(saved)
        tqdm.write(f"{title}: goes on after epoch {state.epoch} of {schedule.epochs}, step {state.step}")

    known = None if augmentation else _ask_once(objective, inputs, schedule.batch_size, hardware)
    steps = math.ceil(len(labels) / schedule.batch_size)
    bar = progress((), schedule.epochs * steps, title, "steps", done=state.epoch * steps + state.step)
    with Interrupt() as interrupt, bar:
        while state.epoch < schedule.epochs:
            rate = learning_rate(schedule, state.epoch)
            for group in optimiser.param_groups:
                group["lr"] = rate
            # To the device once an epoch: a copy for each batch would wait for the batch before.
            batches = epoch_order(len(labels), seed, state.epoch).to(device).split(schedule.batch_size)
            net.train()
            for indices in batches[state.step :]:
                # Whole rows are copied; indexing with a tensor would copy number by number.
                batch = inputs.index_select(0, indices)
                if augmentation is not None:
                    batch = augment(batch, augmentation, generator(seed, state.epoch, state.step, AUGMENTATION))
                with hardware.autocast():
                    soft = objective.soft(batch.transpose(0, 1)) if known is None else known.of(indices)
                _step(net, batch, targets[indices], objective, soft, optimiser, hardware, state, seed, backward)
                bar.update()
                if interrupt.requested:
                    checkpoint.save(state.snapshot(net, objective, optimiser))
                    raise Interrupted(
                        f"{title}: stopped in epoch {state.epoch + 1} of {schedule.epochs}, after step {state.step} of "
                        f"{steps}; saved, the next run goes on from here"
                    )
            state.end_epoch(rate, len(labels), title)
            state.note(watch(net, state.epoch) if watch else {}, net)
            bar.set_postfix(epoch=state.epoch, loss=f"{state.rows[-1][2]:.3f}", refresh=False)
            checkpoint.save(state.snapshot(net, objective, optimiser))
    return Curves(("epoch", "lr", *TERMS, "accuracy", *WATCHED), state.rows, state.best)


def learning_rate(schedule: Schedule, epoch: int) -> float:
    """Give the learning rate of an epoch (from 0): constant, or half a cosine from lr towards 0."""
    if schedule.decay == "constant":
        return schedule.optimiser.lr
    return schedule.optimiser.lr * (1 + math.cos(math.pi * epoch / schedule.epochs)) / 2


def epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    """Give the order of the samples in an epoch: a permutation that follows from seed and epoch alone."""
    return torch.randperm(count, generator=generator(seed, epoch))


def generator(*numbers: int) -> torch.Generator:
    """Make a generator whose stream follows from the numbers."""
    entropy = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(entropy) >> 1)


def _step(
    net: FrameNet,
    inputs: Tensor,
    labels: Tensor,
    objective: Objective,
    soft: Soft | None,
    optimiser: torch.optim.Optimizer,
    hardware: Hardware,
    state: _Progress,
    seed: int,
    backward: Backward,
) -> None:
    # For layers that draw from torch's own stream (dropout).
    noise = generator(seed, state.epoch, state.step).initial_seed()
    optimiser.zero_grad(set_to_none=True)
    terms, logits = backward(net, inputs.transpose(0, 1), labels, objective, soft, hardware, noise)
    optimiser.step()
    state.add(terms, logits, labels)


@torch.no_grad()
def _ask_once(objective: Objective, inputs: Tensor, batch_size: int, hardware: Hardware) -> Soft | None:
    """Ask the teacher about all recordings [N, T, 2, H, W], where it will always see the same frames.

    None where there is no teacher, or where it is asked for features: of all recordings they would fill the memory.
    """
    if objective.taps:
        return None
    answers = []
    for batch in inputs.split(batch_size):
        with hardware.autocast():
            soft = objective.soft(batch.transpose(0, 1))
        if soft is None:
            return None
        answers.append(soft.logits)
    return Soft(torch.cat(answers, dim=1), {})


def make_optimiser(parameters: list[nn.Parameter], settings: Optimiser) -> torch.optim.Optimizer:
    """Make the optimiser that the settings name, over the parameters that learn."""
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    # Fused: one pass over each parameter instead of one for each operation.
    shared: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay, "fused": True}
    if settings.name == "sgd":
        return torch.optim.SGD(parameters, momentum=settings.momentum, **shared)
    return torch.optim.Adam(parameters, betas=(settings.momentum, 0.999), **shared)


class _Progress:
    """How far a training has come. Sums stay on the device until the epoch ends: no synchronisation per batch."""

    def __init__(self, device: torch.device) -> None:
        self.epoch = 0
        self.step = 0
        self.rows: list[list[float | None]] = []
        self.best: dict[str, Any] | None = None
        self.sums = torch.zeros(len(TERMS) + 1, dtype=torch.float64, device=device)

    def add(self, terms: Terms, logits: Tensor, labels: Tensor) -> None:
        weighted = [terms[name].double() * len(labels) for name in TERMS]
        correct = (logits.mean(0).argmax(-1) == labels).sum().double()
        self.sums += torch.stack([*weighted, correct])
        self.step += 1

    def end_epoch(self, rate: float, count: int, title: str) -> None:
        means = (self.sums / count).tolist()
        self.epoch, self.step = self.epoch + 1, 0
        self.sums.zero_()
        if not math.isfinite(means[0]):
            raise TrainingError(f"{title}: the loss is {means[0]} in epoch {self.epoch}; lower the learning rate")
        self.rows.append([self.epoch, rate, *means])

    def note(self, measured: dict[str, float], net: FrameNet) -> None:
        """Put what was measured after the epoch beside it; keep the network that is best on the validation part."""
        self.rows[-1] += [measured.get(name) for name in WATCHED]
        accuracy = measured.get("val_accuracy")
        if accuracy is not None and (self.best is None or accuracy > self.best["accuracy"]):
            state = {name: value.detach().cpu().clone() for name, value in net.state_dict().items()}
            self.best = {"epoch": self.epoch, "accuracy": accuracy, "net": state}

    def snapshot(self, net: FrameNet, objective: Objective, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "step": self.step,
            "rows": self.rows,
            "sums": self.sums,
            "best": self.best,
            "net": net.state_dict(),
            "objective": objective.state_dict(),
            "optimiser": optimiser.state_dict(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        self.epoch, self.step, self.rows = saved["epoch"], saved["step"], saved["rows"]
        self.best = saved["best"]
        self.sums.copy_(saved["sums"])
