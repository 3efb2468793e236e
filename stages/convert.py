"""Stage convert: the ANN becomes a spiking network (Section 4.2), tested before any fine-tuning."""

from __future__ import annotations

import argparse

from pipeline.config import Params
from pipeline.events.splits import TRAIN
from pipeline.nets import convert
from pipeline.nets.weights import save_weights
from stages import _cli, _paths
from stages._work import Job


def main(params: Params, arguments: argparse.Namespace) -> None:
    job = Job.start(params, arguments.dataset, arguments.ann, "converted", arguments.seed)
    view = job.view(phase=2)
    train = job.load(view, TRAIN)
    snn = convert(job.load_ann(len(train.header.classes)))
    save_weights(snn, _paths.weights(job.dataset, job.ann, "converted", job.seed))
    batch_size = job.settings.train_ann.schedule.batch_size
    job.finish(snn, view, len(train.labels), batch_size, {"levels": params.levels(job.dataset, job.ann)})


if __name__ == "__main__":
    _cli.run(main, "dataset", "ann", "seed")
