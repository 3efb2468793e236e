"""Stage convert: the ANN becomes a spiking network (Section 4.2), tested before any fine-tuning."""

from __future__ import annotations

from pipeline.config.run import Convert
from pipeline.events.sides import TRAIN
from pipeline.nets.build import build
from pipeline.nets.convert import convert
from pipeline.nets.weights import load_weights, save_weights
from pipeline.results.paths import PHASES
from stages import _cli
from stages._training import TrainingRun, size_of


def main(call: _cli.Call[Convert]) -> None:
    settings, run = call.settings, TrainingRun.start(call)
    selection = run.selection(PHASES[2])
    train = run.load(selection, TRAIN)
    ann = build(settings.network, len(train.header.classes), size_of(train))
    snn = convert(load_weights(ann, run.ann_weights("ann").weights))
    save_weights(snn, run.name.weights, run.about(train, selection))
    run.finish(snn, selection, len(train.labels), settings.batch_size, {"levels": settings.levels})


if __name__ == "__main__":
    _cli.run(main, Convert)
