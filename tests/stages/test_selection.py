"""What is measured beside a training: told beside the last epoch's result, and deciding nothing in it."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from pipeline.events.sides import TEST, TRAIN, VALIDATION
from pipeline.results.paths import RunName
from stages import _training
from stages._training import TrainingRun
from tests import tiny
from tests.stages.conftest import DATASET, arrays, call, choose, cut_validation, metrics, one, run, weights

EPOCHS = 6


@pytest.fixture
def watched(documents: tiny.Documents) -> tiny.Documents:
    cut_validation()
    for schedule in documents["schedules"].values():
        schedule |= {"epochs": EPOCHS, "warmup": None}
        schedule.get("decay", {}).pop("hold", None)
    return documents


def look(documents: tiny.Documents, validation: int, test: int) -> None:
    tiny.change(documents, f"datasets.{DATASET}.eval_every", {"validation": validation, "test": test})


def curves(recipe: str, ann: str | None = None) -> list[dict[str, str]]:
    with open(RunName(DATASET, ann, recipe, 0).results / "curves.csv", newline="") as file:
        return list(csv.DictReader(file))


def best(rows: list[dict[str, str]], column: str) -> tuple[int, float]:
    """Return the first of the best epochs, and its accuracy."""
    found = [(int(row["epoch"]), float(row[column])) for row in rows if row[column]]
    top = max(accuracy for _, accuracy in found)
    return next((epoch, accuracy) for epoch, accuracy in found if accuracy == top)


@pytest.mark.parametrize("recipe", ["if", "sltt", "ann"])
def test_looking_changes_no_bit_of_the_result(watched: tiny.Documents, recipe: str) -> None:
    ann = "l4" if recipe == "ann" else None
    found = []
    for every in (0, 1, 4):
        look(watched, every, every)
        if ann:
            run("train_ann", watched)
        else:
            run("train_snn", watched, recipe, None)
        results = weights(recipe, ann), arrays(recipe, ann)["logits"], metrics(recipe, ann), curves(recipe, ann)
        found.append(results)
    unwatched, always, seldom = found
    assert unwatched[0] == always[0] == seldom[0]
    np.testing.assert_array_equal(unwatched[1], always[1])
    selected = {f"best_{side}_{what}" for side in ("val", "test") for what in ("epoch", "accuracy")}
    assert {key: value for key, value in unwatched[2].items() if key not in selected} == {
        key: value for key, value in always[2].items() if key not in selected
    }
    assert {unwatched[2][key] for key in selected} == {None}
    assert {(row["val_accuracy"], row["test_accuracy"]) for row in unwatched[3]} == {("", "")}
    assert all(row["val_accuracy"] and row["test_accuracy"] for row in always[3])
    # Every fourth epoch, and the last.
    assert [row["epoch"] for row in seldom[3] if row["test_accuracy"]] == ["4", "6"]
    assert [row["test_accuracy"] for row in seldom[3] if row["test_accuracy"]] == [
        row["test_accuracy"] for row in always[3] if row["epoch"] in ("4", "6")
    ]


@pytest.mark.parametrize("recipe", ["if", "hsd"])
def test_the_best_epochs_are_told_beside_the_last(watched: tiny.Documents, recipe: str) -> None:
    look(watched, 1, 1)
    ann = "l4" if recipe == "hsd" else None
    if ann:
        run("train_ann", watched)
        run("convert", watched)
    run("train_snn", watched, recipe, ann)
    rows, numbers = curves(recipe, ann), metrics(recipe, ann)
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, EPOCHS + 1)]
    # Test recordings are looked at with the network of that epoch; the result is the last one's.
    assert numbers["accuracy"] == float(rows[-1]["test_accuracy"])
    assert (numbers["best_test_epoch"], numbers["best_test_accuracy"]) == best(rows, "test_accuracy")
    epoch, _ = best(rows, "val_accuracy")
    assert numbers["best_val_epoch"] == epoch
    # Chosen on the validation part, told on the test recordings.
    assert numbers["best_val_accuracy"] == float(rows[epoch - 1]["test_accuracy"])
    assert numbers["best_test_accuracy"] >= max(numbers["accuracy"], numbers["best_val_accuracy"])


def test_without_a_validation_part_there_is_no_best_on_it(documents: tiny.Documents) -> None:
    look(documents, 1, 1)
    run("train_snn", documents, "if", None)
    numbers = metrics("if")
    assert (numbers["best_val_epoch"], numbers["best_val_accuracy"]) == (None, None)
    assert numbers["best_test_epoch"] in (1, 2) and {row["val_accuracy"] for row in curves("if")} == {""}


@pytest.mark.parametrize(("validation", "test"), [(0, 0), (2, 0), (0, 4), (4, 1)])
def test_each_side_is_looked_at_as_often_as_asked_for(
    watched: tiny.Documents, monkeypatch: pytest.MonkeyPatch, validation: int, test: int
) -> None:
    look(watched, validation, test)
    loaded: list[int] = []
    counts: list[int] = []
    load, predict = TrainingRun.load, _training.predict
    monkeypatch.setattr(TrainingRun, "load", lambda self, name, side: loaded.append(side) or load(self, name, side))
    monkeypatch.setattr(
        _training, "predict", lambda net, frames, *rest: counts.append(len(frames)) or predict(net, frames, *rest)
    )
    run("train_snn", watched, "if", None)
    # The training side first; the test recordings at the end alone, unless they are to be watched.
    assert loaded == [TRAIN, *([VALIDATION] if validation else []), *([TEST] if test else []), TEST]
    looks = {every: sum(epoch % every == 0 or epoch == EPOCHS for epoch in range(1, EPOCHS + 1)) for every in (1, 2, 4)}
    assert counts.count(3) == looks.get(validation, 0)
    # At the end once, and once for the epoch that was best on the validation part.
    assert counts.count(9) == looks.get(test, 0) + 1 + (validation > 0)


def test_another_way_of_looking_resumes_no_training(documents: tiny.Documents) -> None:
    """The curves of one training are all measured alike."""
    found = set()
    for every in (0, 1, 5):
        look(documents, 0, every)
        params = one(documents, "if", None)
        choose(params)
        found.add(TrainingRun.start(call(params, "train_snn")).checkpoint([], "none/if").path)
    assert len(found) == 3
