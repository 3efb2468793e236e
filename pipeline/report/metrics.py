"""The few headline numbers that experiments are compared by."""

from __future__ import annotations

from pipeline.config import Params
from pipeline.report.results import ANN, CONVERTED, Results

# `dvc exp show` makes a column of each; more do not fit a terminal.
MOST = 8


def headline(results: Results, params: Params) -> dict[str, float]:
    """Give accuracies in percent, mean over seeds, 2 decimals: `ann`, `converted` and the recipes of report.headline.

    With several data sets keys read <dataset>.<run>. Where 8 do not suffice, each data set keeps the last of
    report.headline first (baselines stand at its beginning), then `ann`, then `converted`.
    """
    grid = results.grid
    recipes = [name for name in params.report.headline if name in results.recipes]
    room = max(1, MOST // len(grid.datasets))
    names = [*reversed(recipes), ANN, CONVERTED][:room]
    numbers = {}
    for dataset in grid.datasets[:MOST]:
        prefix = f"{dataset}." if len(grid.datasets) > 1 else ""
        for name in names:
            numbers[prefix + name] = round(100 * results.cell(dataset, grid.ann, name).accuracy, 2)
    return numbers
