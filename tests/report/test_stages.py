from __future__ import annotations

import csv
import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

import stages.figures
import stages.tables
from pipeline.errors import FileError
from pipeline.report.results import CONVERTED, cells_of, folder, load
from stages import _paths

# What the grid of these tests has the runs for, and what is csv alone.
TABLES = ("table2_ablation", "table2_paired", "table3_quantization", "early_exit", "latency", "energy")
LISTS = ("early_exit_by_threshold", "latency_by_step")
FIGURES = (
    "accuracy_vs_t", "camera", "confusion", "early_exit", "energy_accuracy", "figure2", "firing_rates", "quantization",
    "training_curves",
)  # fmt: skip


def run(params: Any) -> None:
    stages.tables.main(params, Namespace())
    stages.figures.main(params, Namespace())


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("seeds", [[0], [0, 1]])
def test_report_is_whole_and_the_same_bytes_again(make: Any, monkeypatch: pytest.MonkeyPatch, seeds: list[int]) -> None:
    params, root = make(seeds=seeds, paper="ncaltech101", datasets=["embedded", "other"])
    monkeypatch.chdir(root)
    report = root / "reports/trial"
    run(params)
    first = content(report)
    tables = [f"tables/{name}.{kind}" for name in TABLES for kind in ("csv", "md", "tex")]
    tables += [f"tables/{name}.csv" for name in LISTS]
    names = [f"{dataset}_{name}" for dataset in params.grid.datasets for name in FIGURES]
    pictures = [f"figures/{name}.{kind}" for name in names for kind in ("png", "pdf")]
    data = [f"plots/{name}.csv" for name in ("accuracy_vs_t", "confusion", "curves")]
    assert sorted(first) == sorted([*tables, *pictures, *data, "metrics.json"])
    for name, written in first.items():
        assert str(root).encode() not in written and b"matplotlib.org" not in written, name
    (report / "figures/left over.png").write_bytes(b"of another grid")
    run(params)
    assert content(report) == first


def test_runs_are_sought_where_the_other_stages_put_them(make: Any) -> None:
    grid = make()[0].grid
    for dataset, ann, name in cells_of(grid):
        written = _paths.results(dataset, _paths.NO_ANN if name in grid.baselines else ann, name, 1)
        assert stages.tables.RESULTS / folder(grid, dataset, ann, name, 1) == written
    assert ("embedded", "l16", CONVERTED) in set(cells_of(grid))


def test_plots_data(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    params, root = make()
    monkeypatch.chdir(root)
    stages.tables.main(params, Namespace())
    results = load(root / "data/results", params.grid)
    with (root / "reports/trial/plots/accuracy_vs_t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7 * 5
    last = {row["recipe"]: float(row["accuracy"]) for row in rows if row["t"] == "5"}
    assert last["hsd"] == pytest.approx(100 * results.cell("embedded", "l8", "hsd").accuracy, abs=1e-3)
    with (root / "reports/trial/plots/confusion.csv").open() as file:
        answers = list(csv.DictReader(file))
    right = sum(row["actual"] == row["predicted"] for row in answers)
    run = results.cell("embedded", "l8", "hsd").runs[0]
    assert len(answers) == 200 and right / 200 == pytest.approx(run.number("accuracy"))
    with (root / "reports/trial/plots/curves.csv").open() as file:
        epochs = {row["recipe"]: int(row["epoch"]) for row in csv.DictReader(file)}
    assert epochs["hsd"] == 4 and epochs["if"] == 8 and "converted" not in epochs
    assert "hsd" in json.loads((root / "reports/trial/metrics.json").read_text())


def test_a_damaged_run_leaves_the_old_report_alone(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    params, root = make()
    monkeypatch.chdir(root)
    run(params)
    before = content(root / "reports")
    (root / "data/results/embedded/l8/ht-1/curves.csv").write_text("epoch\n1\n")
    for stage in (stages.tables, stages.figures):
        with pytest.raises(FileError, match=r"ht-1/curves\.csv"):
            stage.main(params, Namespace())
    assert content(root / "reports") == before
