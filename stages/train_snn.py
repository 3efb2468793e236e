"""Stages train_snn, phase 2: a spiking network learns, from the ANN's weights or random ones (Sections 4.3, 4.4)."""

from __future__ import annotations

import torch
from torch import nn

from pipeline.config.run import TrainSnn
from pipeline.events.sides import TRAIN
from pipeline.frames.selection import LabelledFrames
from pipeline.nets.build import build
from pipeline.nets.convert import convert
from pipeline.nets.fold import folded
from pipeline.nets.weights import load_weights, save_weights
from pipeline.results.paths import RunName
from pipeline.training.loop import fit
from pipeline.training.objective import Objective
from pipeline.training.seeds import stream
from stages import _cli
from stages._training import TrainingRun, size_of


def main(call: _cli.Call[TrainSnn]) -> None:
    settings, run = call.settings, TrainingRun.start(call)
    selection, schedule = run.selection(run.name.recipe), settings.training.schedule
    train = run.load(selection, TRAIN)
    ann, inputs = _ann(run, settings, train)
    student, started = _student(run, settings, train)

    objective = Objective(settings.training.losses, folded(ann).to(run.machine.device) if ann is not None else None)
    sample = torch.from_numpy(train.frames[:1, : train.steps]).transpose(0, 1)
    objective.attach(student, sample, stream(run.name.seed, "aligner"))
    checkpoint = run.checkpoint([*inputs, *started], selection)
    measure = run.measuring(selection, settings.eval_every, schedule.batch_size, schedule.epochs)
    curves = fit(
        student, train.frames, train.labels, objective, settings.training, run.name.seed, run.machine, checkpoint,
        run.title, measure, call.pause,
    )  # fmt: skip
    save_weights(student, run.name.weights, run.about(train, selection))
    facts = {} if settings.levels is None else {"levels": settings.levels}
    run.finish(student, selection, len(train.labels), schedule.batch_size, facts, curves, settings.training.gradient)
    checkpoint.delete()


def _ann(run: TrainingRun, settings: TrainSnn, train: LabelledFrames) -> tuple[nn.Module | None, list[RunName]]:
    """Return the run's ANN and the name of its weights; None and none where it takes no ANN."""
    if settings.ann is None:
        return None, []
    name = run.ann_weights("ann")
    return load_weights(build(settings.ann, len(train.header.classes), size_of(train)), name.weights), [name]


def _student(run: TrainingRun, settings: TrainSnn, train: LabelledFrames) -> tuple[nn.Module, list[RunName]]:
    """Return the network before phase 2, and the names of the weights it started from."""
    classes = len(train.header.classes)
    if settings.init == "converted" and settings.ann is not None:
        name = run.ann_weights("converted")
        shape = convert(build(settings.ann, classes, size_of(train)), settings.network.activation)
        return load_weights(shape, name.weights), [name]
    return build(settings.network, classes, size_of(train), stream(run.name.seed, "weights", 2)), []


if __name__ == "__main__":
    _cli.run(main, TrainSnn)
