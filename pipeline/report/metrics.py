"""The few headline numbers that experiments are compared by."""

from __future__ import annotations

from pipeline.config import Params
from pipeline.report.results import ANN, CONVERTED, Results

# `dvc exp show` makes a column of each; more do not fit a terminal.
MOST = 8


def headline(results: Results, params: Params) -> dict[str, float]:
    """Give the accuracies of report.headline in percent, mean over seeds, 2 decimals; runs the grid lacks are left out.

    With several data sets keys read <dataset>.<run>; where 8 do not suffice, each keeps the last of report.headline.
    Bad recordings that were left out are counted beside them.
    """
    grid = results.grid
    runs = [name for name in params.report.headline if name in (ANN, CONVERTED, *results.recipes)]
    room = max(1, MOST // len(grid.datasets))
    numbers = {}
    for dataset in grid.datasets[:MOST]:
        prefix = f"{dataset}." if len(grid.datasets) > 1 else ""
        for name in runs[-room:]:
            numbers[prefix + name] = round(100 * results.cell(dataset, grid.ann, name).accuracy, 2)
        skipped = results.cell(dataset, grid.ann, CONVERTED).mean("n_skipped")
        if skipped:
            numbers[f"{prefix}skipped_recordings"] = skipped
    return numbers
