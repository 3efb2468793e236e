"""The figures of accuracy and loss along a line; each function draws one data set of a grid, accuracies in percent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from pipeline.config import Params
from pipeline.report.figures.axes import DODGE, Series, bars, legend_beside, line, one, title
from pipeline.report.figures.style import Look, look
from pipeline.report.results import ANN, CONVERTED, Cell, Results
from pipeline.report.rows import ablation, present


def accuracy_vs_t(results: Results, params: Params, dataset: str) -> Figure:
    """Draw accuracy after each time step: the ANN and the rows of Table 2; bars: sd over seeds, or Wilson for one."""
    grid, names = results.grid, (ANN, *ablation(results, params))
    figure, axes = one(6.6, 3.6)
    longest = 1
    for index, name in enumerate(names):
        cell = results.cell(dataset, grid.ann, name)
        steps, values = cell.series("accuracy.csv", "t")[0], cell.series("accuracy.csv", "accuracy")
        longest = max(longest, len(steps))
        shift = DODGE * (index - (len(names) - 1) / 2)
        line(axes, (steps + shift, values), look(name, params), title(name, params), cell.n_test)
    axes.set(xlabel="time steps t", ylabel="test accuracy (%)", title=f"{dataset}: {bars(results)}")
    axes.set_xticks(np.arange(1, longest + 1))
    legend_beside(axes)
    return figure


def training_curves(results: Results, params: Params, dataset: str) -> Figure:
    """Draw loss and training accuracy against the epoch, mean over seeds: the ANN's phase 1 and the rows of Table 2."""
    grid = results.grid
    figure = Figure(figsize=(9.2, 3.4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for name in (ANN, *ablation(results, params)):
        cell = results.cell(dataset, grid.ann, name)
        epochs = cell.series("curves.csv", "epoch")[0]
        shape = look(name, params)
        for axes, column, scale in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
            mean = scale * cell.series("curves.csv", column).mean(axis=0)
            axes.plot(epochs, mean, color=shape.color, linestyle=shape.linestyle, label=title(name, params))
    loss.set(xlabel="epoch", ylabel="training loss", yscale="log", title=f"{dataset}: training loss")
    accuracy.set(xlabel="epoch", ylabel="training accuracy (%)", title=f"{dataset}: training accuracy")
    # Powers of ten alone would leave a short axis without a number.
    loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    loss.yaxis.set_minor_formatter(NullFormatter())
    for axes in (loss, accuracy):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_beside(accuracy)
    return figure


def quantization(results: Results, params: Params, dataset: str) -> Figure:
    """Draw accuracy against quantisation steps L: the ANN, the converted network, the sweep's recipes."""
    grid = results.grid
    figure, axes = one(6.4, 3.4)
    by_levels = [ann for _, ann in sorted((params.levels(dataset, ann), ann) for ann in grid.anns)]
    for name in (ANN, CONVERTED, *grid.sweep_recipes):
        cells = [results.cells[dataset, ann, name] for ann in by_levels if (dataset, ann, name) in results.cells]
        levels = np.array([params.levels(dataset, cell.ann) for cell in cells], dtype=np.float64)
        values = np.array([cell.accuracies for cell in cells]).T
        if cells:
            line(axes, (levels, values), look(name, params), title(name, params), cells[0].n_test)
    ticks = sorted({params.levels(dataset, ann) for ann in grid.anns})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="quantisation steps L of the ANN", ylabel="test accuracy (%)", title=f"{dataset}: {bars(results)}")
    legend_beside(axes)
    return figure


def figure2(results: Results, params: Params, dataset: str) -> Figure | None:
    """Draw accuracy against the time steps T, a line for each series of report.figure2; None where the grid has none.

    A recipe stands at its own T, that of its training (STS). A series for which one recipe is named stands after each
    of its steps: trained at its T, truncated in the test (DTS). Recipes that the grid lacks are left out.

    Source: Figure 2.
    """
    figure, axes = one(6.4, 3.6)
    looks: list[Look] = []
    longest = 1
    for label, names in params.report.figure2.items():
        kept = present(results, names)
        if not kept:
            continue
        cells = [results.cell(dataset, results.grid.ann, name) for name in kept]
        points = _truncated(cells[0]) if len(names) == 1 else _at_their_own(cells, params)
        shape = look(kept[0], params)
        shape = shape.again() if shape in looks else shape
        shift = DODGE * (len(looks) - 1)
        looks.append(shape)
        longest = max(longest, int(points[0][-1]))
        line(axes, (points[0] + shift, points[1]), shape, label, cells[0].n_test)
    if not looks:
        return None
    axes.set(xlabel="time steps T", ylabel="test accuracy (%)", title=f"{dataset}: {bars(results)}")
    axes.set_xticks(np.arange(1, longest + 1))
    legend_beside(axes)
    return figure


def _truncated(cell: Cell) -> tuple[Series, Series]:
    """Give the steps [T] and the accuracy after each [seeds, T]."""
    return cell.series("accuracy.csv", "t")[0], cell.series("accuracy.csv", "accuracy")


def _at_their_own(cells: Sequence[Cell], params: Params) -> tuple[Series, Series]:
    """Give each cell's own T and its accuracies [seeds, cells]; of several with one T the first named stands."""
    by_steps: dict[int, Cell] = {}
    for cell in cells:
        by_steps.setdefault(params.steps_of(cell.dataset, cell.name), cell)
    steps = sorted(by_steps)
    return np.array(steps, dtype=np.float64), np.array([by_steps[count].accuracies for count in steps]).T
