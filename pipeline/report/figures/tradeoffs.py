"""The figures of what accuracy costs, in time steps and in energy; each function draws one data set of a grid."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from pipeline.config import Params
from pipeline.report.exits import exit_curve
from pipeline.report.figures.axes import Series, bars, legend_beside, one, seeds, spread, title
from pipeline.report.figures.style import GREY, Look, look, method
from pipeline.report.results import ANN, CONVERTED, Cell, Results
from pipeline.report.rows import ablation, present


def early_exit(results: Results, params: Params, dataset: str) -> Figure | None:
    """Draw accuracy against the mean time steps to an answer, a line a recipe and a mark a threshold of report.exit_at.

    Shown are the rows of Table 2 and the recipes of Figure 4, means over seeds; faint: all answers after the same
    number of steps. None where no recipe has more than one step.
    """
    shown = [*ablation(results, params), *present(results, params.report.figure4.runs)]
    names = [name for name in dict.fromkeys(shown) if params.steps_of(dataset, name) > 1]
    if not names:
        return None
    figure, axes = one(6.8, 3.8)
    longest = 1
    for name in names:
        cell, shape = results.cell(dataset, results.grid.ann, name), look(name, params)
        fixed = cell.series("accuracy.csv", "accuracy").mean(axis=0)
        longest = max(longest, len(fixed))
        axes.plot(np.arange(1, len(fixed) + 1), 100 * fixed, color=shape.color, alpha=0.6, linewidth=1, linestyle=":")
        steps, accuracy = exits(cell, params.report.exit_at)
        axes.plot(steps, 100 * accuracy, **shape.line, label=title(name, params))
    axes.plot([], [], color=GREY, linewidth=1, linestyle=":", label="all after a fixed T")
    least, most = min(params.report.exit_at), max(params.report.exit_at)
    axes.set(
        xlabel="mean time steps T to the answer", ylabel="test accuracy (%)", xlim=(0.8, longest + 0.2),
        title=f"{dataset}: answer at confidence ≥ {least:g} to {most:g}, {_mean(results)}",
    )  # fmt: skip
    axes.set_xticks(np.arange(1, longest + 1))
    legend_beside(axes)
    return figure


def exits(cell: Cell, thresholds: list[float]) -> tuple[Series, Series]:
    """Give the mean time steps and the accuracy, 0 to 1, at each threshold: means over seeds, [thresholds]."""
    kept = [run.arrays() for run in cell.runs]
    found = np.mean([exit_curve(arrays.logits, arrays.label, thresholds) for arrays in kept], axis=0)
    accuracy, steps = found
    return steps, accuracy


def energy_accuracy(results: Results, params: Params, dataset: str) -> Figure | None:
    """Draw accuracy against the estimated energy of one recording, a mark for each recipe of the grid and the ANN.

    Recipes of one method are joined, by their steps; hollow: those that see the whole recording. Bars: sd over seeds,
    or Wilson for one. None where no run has an estimate.
    """
    grid = results.grid
    names = [ANN, CONVERTED, *sorted(results.recipes, key=lambda name: _place(dataset, name, params))]
    cells = [results.cell(dataset, grid.ann, name) for name in names]
    cells = [cell for cell in cells if cell.mean("energy_uj")]
    if not cells:
        return None
    figure, axes = one(7.2, 4.2)
    labels: dict[str, Look] = {}
    for _, group in groupby(cells, key=lambda cell: _series(cell.name, params)):
        joined = list(group)
        shape = _shape(joined[0].name, params)
        energy = np.array([[run.number("energy_uj") for run in cell.runs] for cell in joined]).T
        accuracy = np.array([cell.accuracies for cell in joined]).T
        reach = energy.std(axis=0, ddof=1) if len(energy) > 1 else None
        axes.errorbar(
            energy.mean(axis=0), 100 * accuracy.mean(axis=0), 100 * spread(accuracy, joined[0].n_test), reach,
            **{**shape.line, "linestyle": "-"}, linewidth=0.8, elinewidth=0.6, capsize=0,
        )  # fmt: skip
        labels.setdefault(_method_title(joined[0].name, params), look(joined[0].name, params))
    axes.set(
        xlabel="estimated energy of one recording (µJ)", ylabel="test accuracy (%)", xscale="log",
        title=f"{dataset}: {bars(results)}",
    )  # fmt: skip
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    marks = [Line2D([], [], **{**shape.line, "linestyle": ""}, label=label) for label, shape in labels.items()]
    if any(_whole(cell.name, params) for cell in cells):
        hollow = Look(GREY, "o", "", hollow=True)
        marks.append(Line2D([], [], **hollow.line, label="hollow: whole recording"))
    axes.legend(handles=marks, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _place(dataset: str, name: str, params: Params) -> tuple[int, bool, int]:
    order = list(dict.fromkeys(method(recipe) for recipe in params.recipes))
    return order.index(method(name)), _whole(name, params), params.steps_of(dataset, name)


def _series(name: str, params: Params) -> tuple[str, bool]:
    return method(name), _whole(name, params)


def _whole(name: str, params: Params) -> bool:
    return name in params.recipes and params.recipe(name).frames == "whole"


def _shape(name: str, params: Params) -> Look:
    return look(name, params).again() if _whole(name, params) else look(name, params)


def _method_title(name: str, params: Params) -> str:
    return title(name, params) if name in (ANN, CONVERTED) else params.title(method(name))


def _mean(results: Results) -> str:
    return seeds(results).replace(" and sd", "")
