"""Stage train_ann, phase 1: a QCFS network learns on the first t1 frames (Section 4.1)."""

from __future__ import annotations

import argparse

from pipeline.config import Params
from pipeline.evaluation.accuracy import correct_after, predict
from pipeline.events.splits import TEST, TRAIN
from pipeline.nets.weights import save_weights
from pipeline.training.loop import fit, generator
from pipeline.training.recipes import ann_objective
from stages import _cli, _paths
from stages._work import Job


def main(params: Params, arguments: argparse.Namespace) -> None:
    job = Job.start(params, arguments.dataset, arguments.ann, "ann", arguments.seed)
    settings, ann = job.settings.train_ann, params.ann(arguments.ann)
    schedule = settings.schedule.model_copy(update={"epochs": ann.epochs or settings.schedule.epochs})
    first, second = job.view(phase=1), job.view(phase=2)
    train = job.load(first, TRAIN)

    net = job.new_ann(len(train.header.classes), generator(job.seed, 1))
    checkpoint = job.checkpoint({"ann": ann.model_dump(), "train_ann": settings.model_dump()}, [first.path])
    curves = fit(
        net,
        train.frames,
        train.labels,
        ann_objective(settings),
        schedule,
        job.seed,
        job.machine,
        checkpoint,
        job.title,
        job.augmentation,
        watch=job.watch(second, schedule.batch_size, schedule.epochs),
    )
    save_weights(net, _paths.weights(job.dataset, job.ann, "ann", job.seed))

    test = job.load(first, TEST)
    logits = predict(net, test.frames, schedule.batch_size, job.machine, f"{job.title}: test, phase 1")
    facts = {
        "levels": params.levels(job.dataset, job.ann),
        "accuracy_phase1": correct_after(logits, test.labels)[-1] / len(test.labels),
    }
    job.finish(net, second, len(train.labels), schedule.batch_size, facts, curves)
    checkpoint.delete()


if __name__ == "__main__":
    _cli.run(main, "dataset", "ann", "seed")
