"""Stages finetune, sweep and baseline, phase 2: a spiking network learns on the next t2 frames (Sections 4.3, 4.4).

Without --ann: a recipe that neither starts nor learns from an ANN.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import Params, Recipe
from pipeline.errors import ConfigError
from pipeline.nets import FrameNet, convert
from pipeline.nets.build import build_snn
from pipeline.nets.weights import load_weights, save_weights
from pipeline.training.loop import fit, generator
from pipeline.training.recipes import frozen, snn_objective
from stages import _cli, _paths
from stages._work import Job


def main(params: Params, arguments: argparse.Namespace) -> None:
    recipe = params.recipe(arguments.recipe)
    if recipe.needs_ann and arguments.ann is None:
        raise ConfigError(f"recipe {arguments.recipe!r} needs an ANN; name one with --ann")
    job = Job.start(params, arguments.dataset, arguments.ann or _paths.NO_ANN, arguments.recipe, arguments.seed)
    frames, train = job.train_frames(phase=2)
    classes = len(train.classes)
    teacher = frozen(job.load_ann(classes)).to(job.machine.device) if recipe.needs_ann else None
    student, inputs = _student(job, recipe, classes)
    schedule = getattr(job.settings.finetune, recipe.init)

    # The title is a label: another one is no other training.
    settings = {"recipe": recipe.model_dump(exclude={"title"}), "schedule": schedule.model_dump()}
    checkpoint = job.checkpoint(settings, inputs)
    objective = snn_objective(recipe, teacher)
    curves = fit(
        student,
        frames,
        train.labels,
        objective,
        schedule,
        job.seed,
        job.machine,
        checkpoint,
        job.title,
        job.augmentation,
    )
    save_weights(student, _paths.weights(job.dataset, job.ann, job.run, job.seed))
    facts = {"levels": params.levels(job.dataset, job.ann)} if recipe.needs_ann else {}
    job.finish(student, len(train.labels), schedule.batch_size, facts, curves)
    checkpoint.delete()


def _student(job: Job, recipe: Recipe, classes: int) -> tuple[FrameNet, list[Path]]:
    """Give the network before phase 2 and the files that decide the training."""
    inputs = [_paths.frames(job.dataset)]
    if recipe.needs_ann:
        inputs.append(_paths.weights(job.dataset, job.ann, "ann", job.seed))
    if recipe.init == "converted":
        path = _paths.weights(job.dataset, job.ann, "converted", job.seed)
        shape = convert(job.new_ann(classes), recipe.train_threshold, recipe.detach_reset)
        return load_weights(shape, path), [*inputs, path]
    integrate = job.settings.integrate
    network = job.params.network_of(job.dataset)
    size = (integrate.frame_size[0], integrate.frame_size[1])
    return build_snn(network, classes, size, recipe, generator(job.seed, 2)), inputs


if __name__ == "__main__":
    _cli.run(main, "dataset", "recipe", "seed", optional=("ann",))
