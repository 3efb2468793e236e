"""What DVC compares experiments by: a few headline numbers, and long CSV files for `dvc plots`, a row a point."""

from pathlib import Path

import pandas as pd

from pipeline.report.results import ANN, CONVERTED, Results
from pipeline.results.cells import csv_safe
from pipeline.results.read import read_arrays, read_confusion, read_curves

# `dvc exp show` makes a column of each headline number; more do not fit a terminal.
MOST = 6


def headline(results: Results) -> dict[str, float]:
    """Return the accuracies of report.headline (%), mean over seeds, 2 decimals; runs the grid lacks are left out.

    With several data sets keys read <dataset>.<recipe>; where 6 do not suffice, each keeps the last of report.headline.
    Bad recordings that were left out are counted beside them.
    """
    known = (ANN, CONVERTED, *results.settings.grid.all_recipes)
    names = [name for name in results.settings.report.headline if name in known]
    numbers: dict[str, float] = {}
    for dataset in results.datasets[:MOST]:
        prefix = f"{dataset}." if len(results.datasets) > 1 else ""
        for name in names[-max(1, MOST // len(results.datasets)) :]:
            numbers[prefix + name] = round(results.cell(dataset, name)["accuracy"], 2)
        if skipped := results.cell(dataset, ANN)["n_skipped"]:
            numbers[f"{prefix}skipped_recordings"] = skipped
    return numbers


def write(results: Results, folder: Path) -> None:
    """Write accuracy_vs_t.csv, curves.csv and confusion.csv into a folder.

    accuracy_vs_t: dataset, recipe, t, accuracy (%), mean over seeds; the ANN among the recipes as `ann`.
    curves: dataset, recipe, epoch, loss, accuracy (%), on training data, mean over seeds.
    confusion: actual, predicted, a row for each test recording, for the last row of Table 2 and the first seed.
    FileError: a file of a run is missing or damaged.
    """
    after, curves, said = [], [], []
    for dataset in results.datasets:
        for name in (ANN, *results.settings.grid.all_recipes):
            keys, mean = {"dataset": dataset, "recipe": name}, 100 * results.after_steps(dataset, name).mean(axis=0)
            after.append(pd.DataFrame({**keys, "t": range(1, len(mean) + 1), "accuracy": mean.round(4)}))
            found = results.files(dataset, name, read_curves).groupby("place", as_index=False).mean()
            numbers = {"loss": found["loss"].round(6), "accuracy": (100 * found["accuracy"]).round(4)}
            curves.append(pd.DataFrame({**keys, "epoch": found["epoch"].astype(int), **numbers}))
        run = results.folders(dataset, [CONVERTED, *results.ablation()][-1])[0]
        prefix = f"{dataset} " if len(results.datasets) > 1 else ""
        kept, titles = read_arrays(run), pd.Series([csv_safe(prefix + name) for name in read_confusion(run)[0]])
        said.append(pd.DataFrame({"actual": titles[kept.label].array, "predicted": titles[kept.answer].array}))
    for name, parts in (("accuracy_vs_t", after), ("curves", curves), ("confusion", said)):
        pd.concat(parts).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
