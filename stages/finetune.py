"""Stages finetune, sweep, baseline and whole, phase 2: a spiking network learns (Sections 4.3, 4.4).

Without --ann: a recipe that neither starts nor learns from an ANN.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from pipeline.config import Params, Recipe
from pipeline.errors import ConfigError
from pipeline.events.splits import TRAIN
from pipeline.nets import FrameNet, convert
from pipeline.nets.build import build_snn
from pipeline.nets.weights import load_weights, save_weights
from pipeline.training.loop import fit, generator
from pipeline.training.recipes import frozen, snn_objective
from pipeline.training.steps import BACKWARD
from stages import _cli, _paths
from stages._work import Job, View


def main(params: Params, arguments: argparse.Namespace) -> None:
    recipe = params.recipe(arguments.recipe)
    if recipe.needs_ann and arguments.ann is None:
        raise ConfigError(f"recipe {arguments.recipe!r} needs an ANN; name one with --ann")
    job = Job.start(params, arguments.dataset, arguments.ann or _paths.NO_ANN, arguments.recipe, arguments.seed)
    view = job.view_of(arguments.recipe)
    train = job.load(view, TRAIN)
    classes = len(train.header.classes)
    teacher = frozen(job.load_ann(classes)).to(job.machine.device) if recipe.needs_ann else None
    student, inputs = _student(job, recipe, view, classes)
    schedule = getattr(job.settings.finetune, recipe.init)

    checkpoint = job.checkpoint({"recipe": recipe.model_dump(), "schedule": schedule.model_dump()}, inputs)
    sample = torch.from_numpy(train.frames[:1]).transpose(0, 1)
    objective = snn_objective(recipe, teacher, student, sample, generator(job.seed, 3))
    curves = fit(
        student,
        train.frames,
        train.labels,
        objective,
        schedule,
        job.seed,
        job.machine,
        checkpoint,
        job.title,
        job.augmentation,
        BACKWARD[recipe.training],
        job.watch(view, schedule.batch_size, schedule.epochs),
    )
    save_weights(student, _paths.weights(job.dataset, job.ann, job.run, job.seed))
    facts = {"levels": params.levels(job.dataset, job.ann)} if recipe.needs_ann else {}
    job.finish(student, view, len(train.labels), schedule.batch_size, facts, curves)
    checkpoint.delete()


def _student(job: Job, recipe: Recipe, view: View, classes: int) -> tuple[FrameNet, list[Path]]:
    """Give the network before phase 2 and the files that decide the training."""
    inputs = [view.path]
    if recipe.needs_ann:
        inputs.append(_paths.weights(job.dataset, job.ann, "ann", job.seed))
    if recipe.init == "converted":
        path = _paths.weights(job.dataset, job.ann, "converted", job.seed)
        shape = convert(job.new_ann(classes), recipe.train_threshold, recipe.detach_reset)
        return load_weights(shape, path), [*inputs, path]
    integrate = job.settings.integrate
    network = job.params.network_of(job.dataset)
    size = (integrate.frame_size[0], integrate.frame_size[1])
    return build_snn(network, classes, size, recipe, view.steps, generator(job.seed, 2)), inputs


if __name__ == "__main__":
    _cli.run(main, "dataset", "recipe", "seed", optional=("ann",))
