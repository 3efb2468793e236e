"""Stage train_ann, phase 1: a QCFS network learns on the first t1 frames (Section 4.1)."""

from __future__ import annotations

import argparse

import numpy as np

from pipeline.config import Params
from pipeline.evaluation.accuracy import correct_after, predict
from pipeline.events.splits import TEST
from pipeline.nets.weights import save_weights
from pipeline.training.loop import fit, generator
from pipeline.training.recipes import ann_objective
from stages import _cli, _paths
from stages._work import Job


def main(params: Params, arguments: argparse.Namespace) -> None:
    job = Job.start(params, arguments.dataset, arguments.ann, "ann", arguments.seed)
    settings, ann = job.settings.train_ann, params.ann(arguments.ann)
    schedule = settings.schedule.model_copy(update={"epochs": ann.epochs or settings.schedule.epochs})
    frames, train = job.train_frames(phase=1)

    net = job.new_ann(len(train.classes), generator(job.seed, 1))
    checkpoint = job.checkpoint(
        {"ann": ann.model_dump(), "train_ann": settings.model_dump()}, [_paths.frames(job.dataset)]
    )
    curves = fit(
        net,
        frames,
        train.labels,
        ann_objective(settings),
        schedule,
        job.seed,
        job.machine,
        checkpoint,
        job.title,
        job.augmentation,
    )
    save_weights(net, _paths.weights(job.dataset, job.ann, "ann", job.seed))

    test = job.load(TEST)
    first = np.ascontiguousarray(test.frames[:, job.phase(1)])
    logits = predict(net, first, schedule.batch_size, job.machine, f"{job.title}: test, phase 1")
    facts = {
        "levels": params.levels(job.dataset, job.ann),
        "accuracy_phase1": correct_after(logits, test.labels)[-1] / len(test.labels),
    }
    job.finish(net, len(train.labels), schedule.batch_size, facts, curves)
    checkpoint.delete()


if __name__ == "__main__":
    _cli.run(main, "dataset", "ann", "seed")
