"""Stage convert: the ANN becomes a spiking network (Section 4.2), tested before any fine-tuning."""

from __future__ import annotations

from torch import Tensor

from pipeline.config.run import Convert
from pipeline.evaluation.accuracy import predict
from pipeline.events.sides import TEST, TRAIN
from pipeline.nets.build import build
from pipeline.nets.convert import convert
from pipeline.nets.weights import load_weights, save_weights
from pipeline.results.answers import correct_after
from pipeline.results.paths import PHASES
from stages import _cli
from stages._training import TrainingRun, size_of


def main(call: _cli.Call[Convert]) -> None:
    settings, run = call.settings, TrainingRun.start(call)
    selection = run.selection(PHASES[2])
    train = run.load(selection, TRAIN)
    ann = load_weights(
        build(settings.network, len(train.header.classes), size_of(train)), run.ann_weights("ann").weights
    )
    snn = convert(ann)
    save_weights(snn, run.name.weights, run.about(train, selection))

    # What the spiking network comes to in the long run is its ANN on the mean of all frames, which the ANN never saw.
    test = run.load(selection, TEST)
    logits = predict(ann, next(test.views()), settings.batch_size, run.machine, grouped=_mean)
    right = correct_after(logits, test.labels)[-1] / len(test.labels)
    facts = {"levels": settings.levels, "accuracy_mean_frame": right}
    run.finish(snn, selection, len(train.labels), settings.batch_size, facts)


def _mean(batch: Tensor) -> Tensor:
    return batch.float().mean(dim=0, keepdim=True)


if __name__ == "__main__":
    _cli.run(main, Convert)
