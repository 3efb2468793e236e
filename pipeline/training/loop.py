"""The one training loop, for the ANN and for every SNN.

Nothing random is kept from one step to the next: the order of an epoch and the noise of a step follow from the seed
and their numbers, so a training that goes on from a checkpoint ends with the same bits.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.config.training import Training
from pipeline.errors import TrainingError
from pipeline.pieces import module_of
from pipeline.runtime.guard import Interrupt
from pipeline.runtime.hardware import Hardware
from pipeline.runtime.progress import progress
from pipeline.runtime.waiting import Paused
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.curves import Curves, Progress
from pipeline.training.gradients import Moment
from pipeline.training.losses import Targets, TeacherOutput, Terms
from pipeline.training.objective import Objective
from pipeline.training.optimizer import learning_rate, make_optimizer
from pipeline.training.seeds import stream

# (network, epoch from 1) -> those of curves.MEASURED that were measured, 0 to 1. It may leave the network in eval mode.
EpochCallback = Callable[[nn.Module, int], dict[str, float]]
# A gradient's `backward` with its options.
Backward = Callable[
    [nn.Module, Tensor, Targets, Objective, TeacherOutput | None, Hardware, Moment], tuple[Terms, Tensor]
]


class Interrupted(KeyboardInterrupt):
    """A training was asked to stop; its state is saved."""


def fit(
    net: nn.Module,
    frames: NDArray[np.uint8],
    labels: NDArray[np.int64],
    objective: Objective,
    training: Training,
    seed: int,
    hardware: Hardware,
    checkpoint: Checkpoint,
    title: str,
    epoch_callback: EpochCallback | None = None,
    pause: Callable[[], bool] | None = None,
) -> Curves:
    """Train a network in place, from its checkpoint if there is one, and return what was measured.

    The checkpoint stays, finished, for the caller to delete once it has written what comes of it: a kill before that
    costs no training.

    Args:
        frames: counts [N, T, 2, H, W], only those of the phase. labels: [N].
        objective: of the losses of `training`; what it has of parameters is trained too.
        seed: of the run.
        title: of the run, for the progress bar and messages.
        epoch_callback: measures the network after each epoch; it decides nothing.
        pause: asked between epochs, after the checkpoint was written, whether to let the training go.

    Raises:
        Interrupted: on SIGINT or SIGTERM, after saving.
        Paused: `pause` said so.
        TrainingError: the loss is no longer finite, or at the end the weights are not.
    """
    device, schedule = hardware.device, training.schedule
    net.to(device)
    objective.to(device)
    inputs, classes = torch.from_numpy(frames).to(device), torch.from_numpy(labels).to(device)
    gradient = module_of("training.gradients", training.gradient)
    backward = partial(gradient.backward, options=training.gradient)
    augmentations = [
        (options, module_of("training.augmentations", options).augment) for options in training.augmentations
    ]
    optimizer = make_optimizer([*net.parameters(), *objective.parameters()], schedule.optimizer)
    state = Progress(device)

    def save() -> None:
        parts: dict[str, Any] = {"net": net, "objective": objective, "optimizer": optimizer}
        checkpoint.save({**state.snapshot(), **{name: part.state_dict() for name, part in parts.items()}})

    if _resumed(checkpoint, net, objective, optimizer, state):
        tqdm.write(f"{title}: goes on after epoch {state.epoch} of {schedule.epochs}, step {state.step}")

    known = None if augmentations else _ask_once(objective, inputs, schedule.batch_size, hardware)
    steps = math.ceil(len(labels) / schedule.batch_size)
    bar = progress((), schedule.epochs * steps, title, "steps", done=state.epoch * steps + state.step)
    with Interrupt() as interrupt, bar:
        while state.epoch < schedule.epochs:
            rate = learning_rate(schedule, state.epoch, state.losses)
            for group in optimizer.param_groups:
                group["lr"] = rate
            # To the device once an epoch: a copy for each batch would wait for the batch before.
            batches = epoch_order(len(labels), seed, state.epoch).to(device).split(schedule.batch_size)
            net.train()
            for indices in batches[state.step :]:
                # Whole rows are copied; indexing with a tensor would copy number by number.
                batch, targets = inputs.index_select(0, indices), Targets(classes[indices])
                if augmentations:
                    drawn = stream(seed, "augmentation", state.epoch, state.step)
                    for options, augment in augmentations:
                        if options.takes_part(state.epoch):
                            batch, targets = augment(batch, targets, options, drawn)
                with hardware.autocast():
                    teacher = objective.ask(batch.transpose(0, 1)) if known is None else known.of(indices)
                _step(net, batch, targets, objective, teacher, optimizer, hardware, state, seed, backward)
                bar.update()
                if interrupt.requested:
                    save()
                    raise Interrupted(
                        f"{title}: stopped in epoch {state.epoch + 1} of {schedule.epochs}, after step {state.step} of "
                        f"{steps}; saved, the next run goes on from here"
                    )
            state.end_epoch(rate, len(labels), title)
            state.note(epoch_callback(net, state.epoch) if epoch_callback else {}, net)
            bar.set_postfix(epoch=state.epoch, loss=f"{state.rows[-1][2]:.3f}", refresh=False)
            save()
            if state.epoch < schedule.epochs and pause is not None and pause():
                raise Paused(f"{title}: paused after epoch {state.epoch} of {schedule.epochs}; saved")
    if hasattr(gradient, "finish"):
        # A kill from here on begins at the checkpoint again, so this too ends with the same bits.
        rest = epoch_order(len(labels), seed, schedule.epochs).to(device).split(schedule.batch_size)
        gradient.finish(
            net, (inputs.index_select(0, indices).transpose(0, 1) for indices in rest), hardware, training.gradient
        )
    _refuse_endless(net, title)
    return state.curves()


def epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    """Return the order of the samples in an epoch: a permutation that follows from seed and epoch alone."""
    return torch.randperm(count, generator=stream(seed, "order", epoch))


def _step(
    net: nn.Module,
    batch: Tensor,
    targets: Targets,
    objective: Objective,
    teacher: TeacherOutput | None,
    optimizer: torch.optim.Optimizer,
    hardware: Hardware,
    state: Progress,
    seed: int,
    backward: Backward,
) -> None:
    optimizer.zero_grad(set_to_none=True)
    at = Moment(seed, state.epoch, state.step)
    terms, logits = backward(net, batch.transpose(0, 1), targets, objective, teacher, hardware, at)
    optimizer.step()
    state.add(terms, logits, targets.labels)


@torch.no_grad()
def _ask_once(objective: Objective, inputs: Tensor, batch_size: int, hardware: Hardware) -> TeacherOutput | None:
    """Return what the teacher says of all recordings [N, T, 2, H, W], where it will always see the same frames.

    None where there is no teacher, or where it is asked for features: of all recordings they would fill the memory.
    """
    if objective.teacher_layers:
        return None
    answers = []
    for batch in inputs.split(batch_size):
        with hardware.autocast():
            said = objective.ask(batch.transpose(0, 1))
        if said is None:
            return None
        answers.append(said.logits)
    return TeacherOutput(torch.cat(answers, dim=1), {})


def _resumed(
    checkpoint: Checkpoint,
    net: nn.Module,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    state: Progress,
) -> bool:
    """Bring all to where the checkpoint stands; what cannot be restored is reported, and all is as it was."""
    saved = checkpoint.load()
    if saved is None:
        return False
    parts: dict[str, Any] = {"net": net, "objective": objective, "optimizer": optimizer}
    before = {name: copy.deepcopy(part.state_dict()) for name, part in parts.items()}
    try:
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        state.restore(saved)
    except Exception as error:  # whatever a state of another form provokes
        for name, part in parts.items():
            part.load_state_dict(before[name])
        checkpoint.refuse(error)
        return False
    return True


def _refuse_endless(net: nn.Module, title: str) -> None:
    """Refuse a trained network whose weights are not finite: its last steps may have diverged after the last loss."""
    broken = [name for name, x in net.state_dict().items() if x.is_floating_point() and not x.isfinite().all()]
    if broken:
        raise TrainingError(
            f"{title}: after the last epoch {len(broken)} of the network's tensors hold numbers that are not finite "
            f"({broken[0]} first); lower the learning rate"
        )
