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


def test_maps_are_none_where_none_are_kept(make: Any) -> None:
    params, root = make()
    results = load(root / "data/results", params.grid)
    assert results.cell("embedded", "l8", "ann").runs[0].maps() is None
    maps = results.cell("embedded", "l8", "hsd").runs[1].maps()
    assert maps.spikes.shape == (5, 8, 34, 34) and maps.frames.shape == (5, 2, 34, 34) and maps.name == "0/0_30.aedat"


def test_arrays_are_as_the_stages_wrote_them(make: Any) -> None:
    params, root = make()
    kept = load(root / "data/results", params.grid).cell("embedded", "l8", "hsd").runs[1].arrays()
    with np.load(root / HSD / "logits.npz") as file:
        assert np.array_equal(kept.logits, file["logits"]) and np.array_equal(kept.label, file["label"])
        assert np.array_equal(kept.share, file["share"]) and np.array_equal(kept.time_ms, file["time_ms"])
    assert kept.logits.shape == (5, 200, 10) and kept.share.shape == kept.time_ms.shape == (5, 200)
    assert np.array_equal(kept.right, kept.answer == kept.label)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"label": None}, "label"),
        ({"share": None}, "share"),
        ({"logits": np.zeros((5, 4))}, r"found \(5, 4\)"),
        ({"label": np.zeros(3, dtype=int)}, r"found \(5, 4, 2\), \(3,\)"),
        ({"time_ms": np.zeros((4, 4))}, r"\(5, 4\), \(4, 4\)"),
    ],
)
def test_arrays_that_do_not_fit_are_named(make: Any, arrays: dict[str, Any], message: str) -> None:
    params, root = make()
    whole = {"logits": np.zeros((5, 4, 2)), "label": np.zeros(4, dtype=int), "share": np.ones((5, 4))}
    content = {**whole, "time_ms": np.ones((5, 4)), **arrays}
    np.savez(root / HSD / "logits.npz", **{name: array for name, array in content.items() if array is not None})
    with pytest.raises(FileError, match=message) as error:
        load(root / "data/results", params.grid).cell("embedded", "l8", "hsd").runs[1].arrays()
    assert error.value.path == root / HSD / "logits.npz" and "dvc repro" in str(error.value)


@pytest.mark.parametrize("file", ["logits.npz", "maps.npz"])
@pytest.mark.parametrize("cut", [0, 0.5, 0.99])
def test_a_cut_archive_is_named(make: Any, file: str, cut: float) -> None:
    params, root = make()
    path = root / HSD / file
    data = path.read_bytes()
    path.write_bytes(data[: int(cut * len(data))])
    run = load(root / "data/results", params.grid).cell("embedded", "l8", "hsd").runs[1]
    with pytest.raises(FileError, match="damaged") as error:
        run.arrays() if file == "logits.npz" else run.maps()
    assert error.value.path == path


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
