"""What is measured beside a training: told beside the last epoch's result, and deciding nothing in it."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest

from pipeline.config import parse
from pipeline.events.splits import TEST, TRAIN, VALIDATION
from stages import _work, convert, finetune, train_ann
from stages._work import Job
from tests.stages.conftest import arrays, cut_validation, metrics, run, weights, write_frames

EPOCHS = 6


@pytest.fixture
def watched(document: dict[str, Any]) -> dict[str, Any]:
    cut_validation()
    embedded = document["datasets"]["embedded"]
    for schedule in (embedded["train_ann"]["schedule"], *embedded["finetune"].values()):
        schedule["epochs"] = EPOCHS
    return document


def monitor(document: dict[str, Any], validation: int, test: int) -> None:
    document["datasets"]["embedded"]["monitor"] = {"validation": validation, "test": test}


def curves(recipe: str, ann: str = "none") -> list[dict[str, str]]:
    with open(f"data/results/embedded/{ann}/{recipe}-0/curves.csv", newline="") as file:
        return list(csv.DictReader(file))


def best(rows: list[dict[str, str]], column: str) -> tuple[int, float]:
    """The first of the best epochs."""
    found = [(int(row["epoch"]), float(row[column])) for row in rows if row[column]]
    top = max(accuracy for _, accuracy in found)
    return next((epoch, accuracy) for epoch, accuracy in found if accuracy == top)


@pytest.mark.parametrize("recipe", ["if", "sltt", "ann"])
def test_looking_changes_no_bit_of_the_result(watched: dict[str, Any], recipe: str) -> None:
    def train() -> bytes:
        if recipe == "ann":
            run(train_ann, watched)
            return weights("ann", "l4")
        run(finetune, watched, ann=None, recipe=recipe)
        return weights(recipe)

    ann = "l4" if recipe == "ann" else "none"
    found = []
    for every in (0, 1, 4):
        monitor(watched, every, every)
        found.append((train(), arrays(recipe, ann)["logits"], metrics(recipe, ann), curves(recipe, ann)))
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
def test_the_best_epochs_are_told_beside_the_last(watched: dict[str, Any], recipe: str) -> None:
    monitor(watched, 1, 1)
    ann = "l4" if recipe == "hsd" else None
    if ann:
        run(train_ann, watched)
        run(convert, watched)
    run(finetune, watched, ann=ann, recipe=recipe)
    rows, numbers = curves(recipe, ann or "none"), metrics(recipe, ann or "none")
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, EPOCHS + 1)]
    # Test recordings are looked at with the network of that epoch; the result is the last one's.
    assert numbers["accuracy"] == float(rows[-1]["test_accuracy"])
    assert (numbers["best_test_epoch"], numbers["best_test_accuracy"]) == best(rows, "test_accuracy")
    epoch, _ = best(rows, "val_accuracy")
    assert numbers["best_val_epoch"] == epoch
    # Chosen on the validation part, told on the test recordings.
    assert numbers["best_val_accuracy"] == float(rows[epoch - 1]["test_accuracy"])
    assert numbers["best_test_accuracy"] >= max(numbers["accuracy"], numbers["best_val_accuracy"])


def test_without_a_validation_part_there_is_no_best_on_it(document: dict[str, Any]) -> None:
    monitor(document, 1, 1)
    run(finetune, document, ann=None, recipe="if")
    numbers = metrics("if")
    assert (numbers["best_val_epoch"], numbers["best_val_accuracy"]) == (None, None)
    assert numbers["best_test_epoch"] in (1, 2) and {row["val_accuracy"] for row in curves("if")} == {""}


@pytest.mark.parametrize(("validation", "test"), [(0, 0), (2, 0), (0, 4), (4, 1)])
def test_each_side_is_looked_at_as_often_as_asked_for(
    watched: dict[str, Any], monkeypatch: pytest.MonkeyPatch, validation: int, test: int
) -> None:
    monitor(watched, validation, test)
    loaded: list[int] = []
    load = Job.load
    monkeypatch.setattr(Job, "load", lambda job, view, side: loaded.append(side) or load(job, view, side))
    counts: list[int] = []
    predict = _work.predict
    monkeypatch.setattr(_work, "predict", lambda net, frames, *rest: counts.append(len(frames)) or predict(
        net, frames, *rest))  # fmt: skip
    run(finetune, watched, ann=None, recipe="if")
    # The training side first; the test recordings at the end alone, unless they are to be watched.
    assert loaded == [TRAIN, *([VALIDATION] if validation else []), *([TEST] if test else []), TEST]
    looks = {every: sum(epoch % every == 0 or epoch == EPOCHS for epoch in range(1, EPOCHS + 1)) for every in (1, 2, 4)}
    assert counts.count(3) == looks.get(validation, 0)
    # At the end once, and once for the epoch that was best on the validation part.
    assert counts.count(9) == looks.get(test, 0) + 1 + (validation > 0)


def test_another_way_of_looking_resumes_no_training(document: dict[str, Any]) -> None:
    """The curves of one training are all measured alike."""
    paths = set()
    for every in (0, 1, 5):
        monitor(document, 0, every)
        job = Job.start(parse(document), "embedded", "none", "if", 0)
        paths.add(job.checkpoint({}, [write_frames()]).path)
    assert len(paths) == 3
