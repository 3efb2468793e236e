from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import FileError
from pipeline.report.results import cells_of, load
from pipeline.runtime.files import write_json

HSD = Path("data/results/embedded/l8/hsd-1")


def change(file: Path, **values: Any) -> None:
    write_json(file, {**json.loads(file.read_text()), **values})


def test_grid_names_its_runs_and_no_others(make: Any) -> None:
    params, _ = make(baselines=["if"], recipes=["ht", "skd"])
    at = {ann: [name for _, a, name in cells_of(params.grid) if a == ann] for ann in params.grid.anns}
    assert at == {"l4": ["ann", "converted", "hsd"], "l8": ["ann", "converted", "if", "ht", "skd"],
                  "l16": ["ann", "converted", "hsd"]}  # fmt: skip


def test_baselines_hang_on_no_ann(make: Any) -> None:
    params, root = make()
    cell = load(root / "data/results", params.grid).cell("embedded", "l8", "lif")
    assert [run.path.relative_to(root).as_posix() for run in cell.runs] == [
        "data/results/embedded/none/lif-0", "data/results/embedded/none/lif-1",
    ]  # fmt: skip


def test_runs_of_other_grids_are_not_read(make: Any) -> None:
    params, root = make()
    stale = root / HSD.parent / "hsd-9"
    stale.mkdir()
    (stale / "metrics.json").write_text("not even JSON")
    cell = load(root / "data/results", params.grid).cell("embedded", "l8", "hsd")
    assert [run.seed for run in cell.runs] == [0, 1]


def test_mean_deviation_and_interval_over_seeds(make: Any) -> None:
    params, root = make()
    for seed, accuracy in ((0, 0.80), (1, 0.82)):
        change(root / f"data/results/embedded/l8/hsd-{seed}/metrics.json", accuracy=accuracy, n_test=100)
    for path in sorted((root / "data/results").glob("embedded/*/*/metrics.json")):
        change(path, n_test=100)
    cell = load(root / "data/results", params.grid).cell("embedded", "l8", "hsd")
    assert cell.accuracy == pytest.approx(0.81)
    assert cell.deviation == pytest.approx(0.02 / np.sqrt(2))
    # One evaluation of 100 at the mean, not of 200: the seeds share the test set.
    assert cell.interval == pytest.approx((0.72221, 0.87485), abs=1e-5)


@pytest.mark.parametrize("file", ["metrics.json", "accuracy.csv", "layers.csv", "confusion.csv", "logits.npz"])
def test_missing_file_is_named_with_what_makes_it(make: Any, file: str) -> None:
    params, root = make()
    (root / HSD / file).unlink()
    with pytest.raises(FileError, match="dvc repro") as error:
        run = load(root / "data/results", params.grid).cell("embedded", "l8", "hsd").runs[1]
        run.series("accuracy.csv", "t")
        run.series("layers.csv", "firing_rate", blank=True)
        run.confusion()
        run.answers()
    assert error.value.path == root / HSD / file


def test_missing_run_is_named(make: Any) -> None:
    params, root = make()
    shutil.rmtree(root / "data/results/embedded/l16/converted-0")
    with pytest.raises(FileError, match="the grid needs this run") as error:
        load(root / "data/results", params.grid)
    assert "l16/converted-0" in str(error.value.path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("metrics.json", "{", "not JSON"),
        ("metrics.json", "[]", "expected one group"),
        ("metrics.json", '{"n_test": 200}', "has no 'accuracy'"),
        ("metrics.json", '{"n_test": 200, "accuracy": "high"}', "expected a number"),
        ("metrics.json", '{"n_test": 200, "accuracy": 81.0}', "not in 0..1"),
        ("metrics.json", '{"n_test": 199, "accuracy": 0.8}', "not the same test set"),
        ("accuracy.csv", "t,share\n1,0.5\n", "no column accuracy"),
        ("accuracy.csv", "t,accuracy\n1\n", "has not 2 values"),
        ("accuracy.csv", "t,accuracy\n", "no rows"),
        ("accuracy.csv", "", "no column"),
        ("accuracy.csv", "t,accuracy\n1,\n", "not a number"),
        ("accuracy.csv", "t,accuracy\n1,high\n", "not a number"),
        ("accuracy.csv", "t,accuracy\n1,0.5\n", "has 1 rows, seed 0 has 5"),
        ("confusion.csv", "true,a,b\na,1,0\nc,0,1\n", "name other classes"),
        ("confusion.csv", "true,a,b\na,1,0\nb,0.5,1\n", "not a count"),
        ("logits.npz", "junk", "damaged"),
    ],
)
def test_damaged_file_is_named(make: Any, file: str, content: str, message: str) -> None:
    params, root = make()
    (root / HSD / file).write_text(content)
    with pytest.raises(FileError, match=message) as error:
        cell = load(root / "data/results", params.grid).cell("embedded", "l8", "hsd")
        cell.series("accuracy.csv", "accuracy")
        cell.runs[1].confusion()
        cell.runs[1].answers()
    assert error.value.path == root / HSD / file


def test_answers_and_confusion_agree_with_the_accuracy(make: Any) -> None:
    params, root = make()
    run = load(root / "data/results", params.grid).cell("embedded", "l8", "ht").runs[0]
    label, answer = run.answers()
    classes, counts = run.confusion()
    assert np.mean(label == answer) == pytest.approx(run.number("accuracy"))
    assert counts[3, 5] == np.sum((label == 3) & (answer == 5)) and len(classes) == 10
    # Not symmetric, so a swap of true and predicted would show.
    assert not np.array_equal(counts, counts.T)
