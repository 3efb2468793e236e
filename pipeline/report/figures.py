"""The figures that show numbers; each function draws one data set of a grid, accuracies in percent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from pipeline.config import Params
from pipeline.report.results import ANN, CONVERTED, Results
from pipeline.report.statistics import wilson
from pipeline.report.style import look

Series = npt.NDArray[np.float64]

# Beside one another at one time step, error bars are told apart; farther, the step would be in doubt.
DODGE = 0.03
NUMBERED_CLASSES = 20


def accuracy_vs_t(results: Results, params: Params, dataset: str) -> Figure:
    """Draw accuracy after each time step, a line a recipe and the ANN; bars: sd over seeds, or Wilson for one."""
    grid = results.grid
    figure, axes = _one(6.6, 3.6)
    for index, name in enumerate((ANN, *results.recipes)):
        cell = results.cell(dataset, grid.ann, name)
        steps, values = cell.series("accuracy.csv", "t")[0], cell.series("accuracy.csv", "accuracy")
        shift = DODGE * (index - len(results.recipes) / 2)
        _line(axes, (steps + shift, values), name, params, cell.n_test)
    axes.set(xlabel="time steps t", ylabel="test accuracy (%)", title=f"{dataset}: {_bars(results)}")
    axes.set_xticks(np.arange(1, len(steps) + 1))
    _legend_beside(axes)
    return figure


def training_curves(results: Results, params: Params, dataset: str) -> Figure:
    """Draw loss and training accuracy against the epoch, mean over seeds, a line a recipe and the ANN's phase 1."""
    grid = results.grid
    figure = Figure(figsize=(9.2, 3.4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for name in (ANN, *results.recipes):
        cell = results.cell(dataset, grid.ann, name)
        epochs = cell.series("curves.csv", "epoch")[0]
        shape = look(name, list(params.recipes))
        for axes, column, scale in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
            mean = scale * cell.series("curves.csv", column).mean(axis=0)
            axes.plot(epochs, mean, color=shape.color, linestyle=shape.linestyle, label=_title(name, params))
    loss.set(xlabel="epoch", ylabel="training loss", yscale="log", title=f"{dataset}: training loss")
    accuracy.set(xlabel="epoch", ylabel="training accuracy (%)", title=f"{dataset}: training accuracy")
    # Powers of ten alone would leave a short axis without a number.
    loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    loss.yaxis.set_minor_formatter(NullFormatter())
    for axes in (loss, accuracy):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend_beside(accuracy)
    return figure


def confusion(results: Results, params: Params, dataset: str) -> Figure:
    """Draw the confusion of the grid's last recipe over all seeds, in percent of each true class."""
    grid = results.grid
    name = results.last
    runs = results.cell(dataset, grid.ann, name).runs
    classes, counts = runs[0].confusion()
    for run in runs[1:]:
        counts = counts + run.confusion()[1]
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(3.2, 0.42 * len(classes)), 12)
    figure, axes = _one(side + 1.3, side + 0.5)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    axes.grid(False)
    small = 8 if len(classes) <= NUMBERED_CLASSES else 4
    longest = max(len(text) for text in classes)
    axes.set_xticks(range(len(classes)), classes, rotation=90 if longest > 3 else 0, fontsize=small)
    axes.set_yticks(range(len(classes)), classes, fontsize=small)
    if len(classes) <= NUMBERED_CLASSES:
        for (row, column), value in np.ndenumerate(shares):
            if counts[row, column]:
                ink = "white" if value > 50 else "black"
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=7, color=ink)
    seeds = f"sum of {len(runs)} seeds" if len(runs) > 1 else "one seed"
    axes.set(xlabel="predicted class", ylabel="true class", title=f"{dataset}: {_title(name, params)}, {seeds}")
    figure.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.85)
    return figure


def quantization(results: Results, params: Params, dataset: str) -> Figure:
    """Draw accuracy against quantisation steps L: the ANN, the converted network, the sweep's recipes."""
    grid = results.grid
    figure, axes = _one(6.4, 3.4)
    by_levels = [ann for _, ann in sorted((params.levels(dataset, ann), ann) for ann in grid.anns)]
    for name in (ANN, CONVERTED, *grid.sweep_recipes):
        cells = [results.cells[dataset, ann, name] for ann in by_levels if (dataset, ann, name) in results.cells]
        levels = np.array([params.levels(dataset, cell.ann) for cell in cells], dtype=np.float64)
        values = np.array([cell.accuracies for cell in cells]).T
        if cells:
            _line(axes, (levels, values), name, params, cells[0].n_test)
    ticks = sorted({params.levels(dataset, ann) for ann in grid.anns})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="quantisation steps L of the ANN", ylabel="test accuracy (%)", title=f"{dataset}: {_bars(results)}")
    _legend_beside(axes)
    return figure


def firing_rates(results: Results, params: Params, dataset: str) -> Figure:
    """Draw spikes per neuron and time step by layer: converted network and every recipe; bars: sd over seeds."""
    grid = results.grid
    names = (CONVERTED, *results.recipes)
    first = results.cell(dataset, grid.ann, CONVERTED).runs[0]
    # Layers without neurons behind them, as the read-out, have no rate.
    firing = ~np.isnan(first.series("layers.csv", "firing_rate", blank=True))
    layers = [name for name, fires in zip(first.texts("layers.csv", "layer"), firing, strict=True) if fires]
    figure, axes = _one(max(6.6, 0.6 * len(layers) + 2.4), 3.6)
    for index, name in enumerate(names):
        rates = results.cell(dataset, grid.ann, name).series("layers.csv", "firing_rate", blank=True)[:, firing]
        shape = look(name, list(params.recipes))
        places = np.arange(rates.shape[1]) + 0.8 * ((index + 0.5) / len(names) - 0.5)
        spread = rates.std(axis=0, ddof=1) if len(rates) > 1 else None
        axes.bar(places, rates.mean(axis=0), 0.8 / len(names), color=shape.color, label=_title(name, params))
        if spread is not None:
            axes.errorbar(places, rates.mean(axis=0), spread, fmt="none", ecolor="black", elinewidth=0.7, capsize=1.2)
    axes.grid(False, axis="x")
    steep = max(len(text) for text in layers) > 6
    axes.set_xticks(range(len(layers)), layers, rotation=45 if steep else 0, ha="right" if steep else "center")
    axes.set(xlabel="layer", ylabel="firing rate (spikes per neuron and step)", title=f"{dataset}: {_seeds(results)}")
    axes.set_ylim(bottom=0)
    _legend_beside(axes)
    return figure


def _one(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _line(axes: Axes, points: tuple[Series, Series], name: str, params: Params, n_test: int) -> None:
    """Draw x [points] and the mean of shares [seeds, points], in percent, with error bars."""
    x, values = points
    shape = look(name, list(params.recipes))
    mean = values.mean(axis=0)
    if len(values) > 1:
        bars = np.tile(values.std(axis=0, ddof=1), (2, 1))
    else:
        ends = np.array([wilson(share * n_test, n_test) for share in mean]).T
        bars = np.abs(ends - mean)
    axes.errorbar(
        x, 100 * mean, 100 * bars, color=shape.color, marker=shape.marker, linestyle=shape.linestyle,
        elinewidth=0.8, label=_title(name, params),
    )  # fmt: skip


def _title(name: str, params: Params) -> str:
    return {ANN: "ANN (teacher)", CONVERTED: "converted"}.get(name) or params.recipe(name).title


def _seeds(results: Results) -> str:
    count = len(results.grid.seeds)
    return f"mean and sd of {count} seeds" if count > 1 else "one seed"


def _bars(results: Results) -> str:
    return _seeds(results) + ("" if len(results.grid.seeds) > 1 else "; bars: Wilson 95 % interval")


def _legend_beside(axes: Axes) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
