"""All methods at a glance

Accuracy on the test recordings against the time steps, a column a data set.
Above: after each of the first steps; in colour the paper's methods and references, grey all others.
Below: every method, the most accurate after T2 steps on top; hollow: after the first step, full: after the last.
Bars: Wilson 95 % interval of one evaluation at the mean over seeds.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.escape import plot
from pipeline.report.results import Results, base
from pipeline.report.standing import standing
from pipeline.report.style import DODGE, GREY, Look, hollow, look
from pipeline.report.svg import tell

ORDER = 0
# Inches: of a column, of the lines, of a method's row.
WIDTH, LINES, ROW = 4.2, 3.0, 0.17


def overview(results: Results) -> Figure:
    """Draw accuracy (%) against T for each data set, and every method's at 1 and T2 steps."""
    found = {dataset: standing(results, dataset) for dataset in results.datasets}
    most = ROW * max(frame["compared"].nunique() for frame in found.values()) + 0.6
    drawn = Figure(figsize=(WIDTH * max(len(found), 2), LINES + most), layout="constrained")
    grid = drawn.subplots(2, len(found), squeeze=False, height_ratios=[LINES, most])
    for (dataset, frame), (lines, dots) in zip(found.items(), grid.T, strict=True):
        shapes = _shapes(results, frame)
        lines.set(title=results.label(dataset), xlabel="time steps T", ylabel="test accuracy (%)")
        lines.set_xticks(range(1, results.facts(dataset).t2 + 1))
        _lines(lines, frame[frame["t"] <= results.facts(dataset).t2], shapes)
        dots.set(xlabel="test accuracy (%)")
        _dots(dots, frame, shapes)
    drawn.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return drawn


def _shapes(results: Results, frame: pd.DataFrame) -> dict[str, Look]:
    """Return the looks of the methods that are in colour: report.headline, and at T2 those of Figure 2."""
    report, rows = results.settings.report, frame.drop_duplicates("compared").to_dict("records")
    drawn = {*report.figure2.sts, *report.figure2.dts}
    return {
        row["compared"]: look(row, results.settings)
        for row in rows
        if row["compared"] in report.headline
        or (base(row["compared"]) in drawn and row["steps"] == results.facts(row["dataset"]).t2)
    }


def _lines(axes: Axes, frame: pd.DataFrame, shapes: dict[str, Look]) -> None:
    parts = dict([*frame.groupby("compared", sort=False)])
    for name, rows in parts.items():
        if name not in shapes:
            thin: Look = {"color": GREY, "alpha": 0.35, "linewidth": 0.8, "marker": ".", "markersize": 3}
            (line,) = axes.plot(rows["t"], rows["accuracy"], **thin)
            points = rows[["title", "t", "accuracy"]].itertuples(index=False)
            tell(line, "", [f"{plot(title)}\nT = {t}: {accuracy:.2f} %" for title, t, accuracy in points])
    for index, (name, shape) in enumerate((name, shape) for name, shape in shapes.items() if name in parts):
        rows = parts[name]
        x = rows["t"] + DODGE * (index - len(shapes) / 2)
        axes.errorbar(x, rows["accuracy"], _bars(rows), **{**shape, "elinewidth": 0.8})


def _dots(axes: Axes, frame: pd.DataFrame, shapes: dict[str, Look]) -> None:
    last = frame.groupby("compared").tail(1).sort_values("accuracy", kind="stable")
    order = {name: place for place, name in enumerate(last["compared"])}
    first = frame[(frame["t"] == 1) & ~frame.index.isin(last.index)]
    for rows, full in ((first, False), (last, True)):
        for name, row in rows.groupby("compared"):
            shape = {"color": GREY, "marker": "o", "markersize": 4, **shapes.get(name, {}), "label": None}
            shape = {**shape, "linestyle": "", "elinewidth": 0.7, "capsize": 0}
            shape = shape if full else {**hollow(shape), "linestyle": ""}
            axes.errorbar(row["accuracy"], [order[name]], xerr=_bars(row), **shape)
    axes.set_yticks(range(len(order)), [plot(title) for title in last["title"]], fontsize=7)
    axes.set_ylim(-0.7, len(order) - 0.3)
    for label, name in zip(axes.get_yticklabels(), order, strict=True):
        label.set_fontweight("bold" if name in shapes else "normal")


def _bars(rows: pd.DataFrame) -> np.ndarray:
    return np.abs(rows[["wilson_low", "wilson_high"]].to_numpy().T - rows["accuracy"].to_numpy())
