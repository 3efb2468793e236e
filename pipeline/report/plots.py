"""Data for `dvc plots`: long CSV files, one row for a point, the same columns whatever the grid."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Params
from pipeline.report.results import ANN, CONVERTED, Results
from pipeline.report.rows import ablation
from pipeline.runtime.files import write_csv


def write(results: Results, params: Params, directory: Path) -> None:
    """Write accuracy_vs_t.csv, curves.csv and confusion.csv into a directory.

    accuracy_vs_t: dataset, recipe, t, accuracy (%), mean over seeds; the ANN among the recipes as `ann`.
    curves: dataset, recipe, epoch, loss, accuracy (%), on training data, mean over seeds.
    confusion: actual, predicted, a row for each test recording, for the last row of Table 2 and the first seed.

    Raises:
        FileError: a file of a run is missing or damaged.
    """
    grid = results.grid
    accuracy: list[tuple[str, str, int, float]] = []
    curves: list[tuple[str, str, int, float, float]] = []
    for dataset in grid.datasets:
        for name in (ANN, *results.recipes):
            cell = results.cell(dataset, grid.ann, name)
            steps = cell.series("accuracy.csv", "t")[0]
            means = cell.series("accuracy.csv", "accuracy").mean(axis=0)
            accuracy += [
                (dataset, name, int(t), round(100 * float(value), 4)) for t, value in zip(steps, means, strict=True)
            ]
            epochs = cell.series("curves.csv", "epoch")[0]
            losses = cell.series("curves.csv", "loss").mean(axis=0)
            trained = cell.series("curves.csv", "accuracy").mean(axis=0)
            curves += [
                (dataset, name, int(epoch), round(float(loss), 6), round(100 * float(value), 4))
                for epoch, loss, value in zip(epochs, losses, trained, strict=True)
            ]
    write_csv(directory / "accuracy_vs_t.csv", ["dataset", "recipe", "t", "accuracy"], accuracy)
    write_csv(directory / "curves.csv", ["dataset", "recipe", "epoch", "loss", "accuracy"], curves)
    write_csv(directory / "confusion.csv", ["actual", "predicted"], _answers(results, params))


def _answers(results: Results, params: Params) -> list[tuple[str, str]]:
    grid = results.grid
    rows = []
    for dataset in grid.datasets:
        run = results.cell(dataset, grid.ann, [CONVERTED, *ablation(results, params)][-1]).runs[0]
        classes, _ = run.confusion()
        prefix = f"{dataset} " if len(grid.datasets) > 1 else ""
        label, answer = run.answers()
        rows += [(prefix + classes[true], prefix + classes[said]) for true, said in zip(label, answer, strict=True)]
    return rows
