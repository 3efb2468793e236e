"""The finished runs of a grid, read from data/results: one Run per directory, one Cell per row of a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.config import Grid
from pipeline.errors import FileError
from pipeline.report import statistics
from pipeline.report.arrays import Arrays, Maps, read_arrays, read_maps
from pipeline.report.columns import read_columns

ANN = "ann"
CONVERTED = "converted"
# Stands in the place of the ANN's name in the folder of a recipe that needs none.
NO_ANN = "none"
AGAIN = "`dvc repro` makes it"


@dataclass(frozen=True)
class Run:
    """One finished run: what its directory says (see `folder`)."""

    name: str
    seed: int
    path: Path
    metrics: dict[str, Any]

    def metric(self, key: str) -> float | None:
        """Give a number of metrics.json; None where it is null; FileError where it is missing or no number."""
        file = self.path / "metrics.json"
        if key not in self.metrics:
            raise FileError(file, f"has no {key!r}; remove its directory, {AGAIN} again")
        value = self.metrics[key]
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FileError(file, f"{key!r}: expected a number, found {value!r}; remove its directory, {AGAIN} again")
        return float(value)

    def number(self, key: str) -> float:
        """Give a number of metrics.json that must be there."""
        value = self.metric(key)
        if value is None:
            raise FileError(self.path / "metrics.json", f"{key!r} is null, expected a number; {AGAIN} again")
        return value

    def series(self, file: str, column: str, blank: bool = False) -> npt.NDArray[np.float64]:
        """Read a number column of accuracy.csv, curves.csv or layers.csv; nan for no value where `blank` allows it."""
        values = read_columns(self.path / file, [column])[column]
        try:
            return np.array([np.nan if blank and value == "" else float(value) for value in values])
        except ValueError as error:
            raise FileError(self.path / file, f"not a number: {error}; remove the file, {AGAIN} again") from error

    def texts(self, file: str, column: str) -> list[str]:
        """Read a column as it is written."""
        return read_columns(self.path / file, [column])[column]

    def confusion(self) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Give the class names and the counts [true, predicted]."""
        path = self.path / "confusion.csv"
        columns = read_columns(path, ["true"])
        classes = columns.pop("true")
        if list(columns) != classes:
            raise FileError(path, f"rows and columns name other classes; remove the file, {AGAIN} again")
        try:
            counts = np.array([[int(value) for value in columns[name]] for name in classes], dtype=np.int64).T
        except ValueError as error:
            raise FileError(path, f"not a count: {error}; remove the file, {AGAIN} again") from error
        return classes, counts

    def arrays(self) -> Arrays:
        """Read the kept logits, labels and arrival of the test recordings; FileError where they are damaged."""
        return read_arrays(self.path / "logits.npz")

    def maps(self) -> Maps | None:
        """Read the first spiking layer on one recording; None where the run has kept none."""
        return read_maps(self.path / "maps.npz")

    def answers(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Give label and predicted class [N] of the test recordings, by the mean of the logits over all steps."""
        found = self.arrays()
        return found.label, found.answer


@dataclass(frozen=True)
class Cell:
    """The runs of one method on one data set: the seeds of one row."""

    dataset: str
    ann: str
    name: str
    runs: tuple[Run, ...]

    @cached_property
    def accuracies(self) -> list[float]:
        """Accuracy of each seed, 0 to 1."""
        return [run.number("accuracy") for run in self.runs]

    @property
    def accuracy(self) -> float:
        return statistics.mean(self.accuracies)

    @property
    def deviation(self) -> float | None:
        return statistics.deviation(self.accuracies)

    @property
    def n_test(self) -> int:
        return int(self.runs[0].number("n_test"))

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of one evaluation at the mean accuracy: seeds share the test set, pooling would lie."""
        return statistics.wilson(self.accuracy * self.n_test, self.n_test)

    def mean(self, key: str) -> float | None:
        """Mean over seeds of a number of metrics.json; None where a run has null."""
        values = [run.metric(key) for run in self.runs]
        known = [value for value in values if value is not None]
        return statistics.mean(known) if len(known) == len(values) else None

    def spread(self, key: str) -> float | None:
        """Sample standard deviation over seeds of a number of metrics.json; None for one seed or a null."""
        known = [value for run in self.runs if (value := run.metric(key)) is not None]
        return statistics.deviation(known) if len(known) == len(self.runs) else None

    def series(self, file: str, column: str, blank: bool = False) -> npt.NDArray[np.float64]:
        """One column of all seeds, [seeds, rows]; FileError where they differ in length."""
        found = [run.series(file, column, blank) for run in self.runs]
        for run, values in zip(self.runs, found, strict=True):
            if len(values) != len(found[0]):
                problem = f"has {len(values)} rows, seed {self.runs[0].seed} has {len(found[0])}"
                raise FileError(run.path / file, f"{problem}; remove both, {AGAIN} again")
        return np.stack(found)


@dataclass(frozen=True)
class Results:
    """All cells of a grid."""

    grid: Grid
    cells: dict[tuple[str, str, str], Cell]

    @property
    def recipes(self) -> list[str]:
        """All recipes of the grid, but for the sweep's at other ANNs."""
        return [*self.grid.baselines, *self.grid.whole, *self.grid.recipes]

    def cell(self, dataset: str, ann: str, name: str) -> Cell:
        """Give a cell; a baseline needs no ANN and stands under the grid's `ann`."""
        return self.cells[dataset, ann, name]


def cells_of(grid: Grid) -> Iterator[tuple[str, str, str]]:
    """List a grid's (dataset, ann, run): ANN and converted everywhere, all recipes at `ann`, the sweep's elsewhere."""
    for dataset in grid.datasets:
        for ann in grid.anns:
            recipes = [*grid.baselines, *grid.whole, *grid.recipes] if ann == grid.ann else grid.sweep_recipes
            for name in (ANN, CONVERTED, *recipes):
                yield dataset, ann, name


def folder(grid: Grid, dataset: str, ann: str, name: str, seed: int) -> Path:
    """Name a run's directory below data/results: <dataset>/<ann>/<name>-<seed>, a baseline's <dataset>/none/<...>."""
    needs_none = name in grid.baselines or name in grid.whole
    return Path(dataset) / (NO_ANN if needs_none else ann) / f"{name}-{seed}"


def load(root: Path, grid: Grid) -> Results:
    """Read the runs a grid names, and no others that may lie beside them.

    Args:
        root: data/results.
        grid: which runs to read.

    Raises:
        FileError: a run or file of it is missing or damaged, or two runs tested on different numbers of recordings.
    """
    cells = {}
    for dataset, ann, name in cells_of(grid):
        runs = tuple(_run(root / folder(grid, dataset, ann, name, seed), name, seed) for seed in grid.seeds)
        cells[dataset, ann, name] = Cell(dataset, ann, name, runs)
    for cell in cells.values():
        first = cells[cell.dataset, grid.ann, ANN].n_test
        for run in cell.runs:
            if run.number("n_test") != first:
                problem = f"n_test is {run.number('n_test'):g}, that of the ANN is {first}: not the same test set"
                raise FileError(run.path / "metrics.json", f"{problem}; {AGAIN} again")
            if not 0 <= run.number("accuracy") <= 1:
                raise FileError(run.path / "metrics.json", f"accuracy {run.number('accuracy'):g} is not in 0..1")
    return Results(grid, cells)


def _run(path: Path, name: str, seed: int) -> Run:
    file = path / "metrics.json"
    try:
        metrics = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileError(file, f"not found, the grid needs this run; {AGAIN}") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FileError(file, f"not JSON ({error}); remove its directory, {AGAIN} again") from error
    if not isinstance(metrics, dict):
        raise FileError(file, f"expected one group of numbers, found {type(metrics).__name__}; {AGAIN} again")
    return Run(name, seed, path, metrics)
