"""Stages train_ann, phase 1: a QCFS network learns on the frames of E1 (Section 4.1)."""

from __future__ import annotations

from pipeline.config.run import TrainAnn
from pipeline.evaluation.accuracy import predict
from pipeline.events.sides import TEST, TRAIN
from pipeline.nets.build import build
from pipeline.nets.weights import save_weights
from pipeline.results.answers import correct_after
from pipeline.results.paths import PHASES
from pipeline.training.loop import fit
from pipeline.training.objective import Objective
from pipeline.training.seeds import stream
from stages import _cli
from stages._training import TrainingRun, size_of


def main(call: _cli.Call[TrainAnn]) -> None:
    settings, run = call.settings, TrainingRun.start(call)
    first, second = (run.selection(name) for name in PHASES.values())
    schedule = settings.training.schedule
    train = run.load(first, TRAIN)

    net = build(settings.network, len(train.header.classes), size_of(train), stream(run.name.seed, "weights", 1))
    checkpoint = run.checkpoint([], first, second)
    measure = run.measuring(second, settings.eval_every, schedule.batch_size, schedule.epochs)
    curves = fit(
        net, train.frames, train.labels, Objective(settings.training.losses), settings.training, run.name.seed,
        run.machine, checkpoint, run.title, measure, call.pause,
    )  # fmt: skip
    save_weights(net, run.name.weights, run.about(train, second))

    test = run.load(first, TEST)
    logits = predict(net, test.frames, schedule.batch_size, run.machine, f"{run.title}: test, phase 1")
    facts = {
        "levels": settings.levels,
        "accuracy_phase1": correct_after(logits, test.labels)[-1] / len(test.labels),
    }
    run.finish(net, second, len(train.labels), schedule.batch_size, facts, curves, settings.training.gradient)
    checkpoint.delete()


if __name__ == "__main__":
    _cli.run(main, TrainAnn)
