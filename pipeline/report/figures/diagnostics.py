"""The figures that look inside: which classes are mistaken for which, and how often each layer fires."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from pipeline.config import Params
from pipeline.report.figures.axes import legend_beside, one, seeds, title
from pipeline.report.figures.style import look
from pipeline.report.results import CONVERTED, Results
from pipeline.report.rows import ablation

NUMBERED_CLASSES = 20


def confusion(results: Results, params: Params, dataset: str) -> Figure:
    """Draw the confusion of Table 2's last row over all seeds, in percent of each true class.

    Where the grid has no such row, that of the converted network.
    """
    grid = results.grid
    name = [CONVERTED, *ablation(results, params)][-1]
    runs = results.cell(dataset, grid.ann, name).runs
    classes, counts = runs[0].confusion()
    for run in runs[1:]:
        counts = counts + run.confusion()[1]
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(3.2, 0.42 * len(classes)), 12)
    figure, axes = one(side + 1.3, side + 0.5)
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
    summed = f"sum of {len(runs)} seeds" if len(runs) > 1 else "one seed"
    axes.set(xlabel="predicted class", ylabel="true class", title=f"{dataset}: {title(name, params)}, {summed}")
    figure.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.85)
    return figure


def firing_rates(results: Results, params: Params, dataset: str) -> Figure:
    """Draw spikes per neuron and time step by layer: the converted network and the rows of Table 2; bars: sd."""
    grid = results.grid
    names = (CONVERTED, *ablation(results, params))
    first = results.cell(dataset, grid.ann, CONVERTED).runs[0]
    # Layers without neurons behind them, as the read-out, have no rate.
    firing = ~np.isnan(first.series("layers.csv", "firing_rate", blank=True))
    layers = [name for name, fires in zip(first.texts("layers.csv", "layer"), firing, strict=True) if fires]
    figure, axes = one(max(6.6, 0.6 * len(layers) + 2.4), 3.6)
    for index, name in enumerate(names):
        rates = results.cell(dataset, grid.ann, name).series("layers.csv", "firing_rate", blank=True)[:, firing]
        places = np.arange(rates.shape[1]) + 0.8 * ((index + 0.5) / len(names) - 0.5)
        axes.bar(
            places, rates.mean(axis=0), 0.8 / len(names), color=look(name, params).color, edgecolor="black",
            linewidth=0.3, label=title(name, params),
        )  # fmt: skip
        if len(rates) > 1:
            sd = rates.std(axis=0, ddof=1)
            axes.errorbar(places, rates.mean(axis=0), sd, fmt="none", ecolor="black", elinewidth=0.7, capsize=1.2)
    axes.grid(False, axis="x")
    steep = max(len(text) for text in layers) > 6
    axes.set_xticks(range(len(layers)), layers, rotation=45 if steep else 0, ha="right" if steep else "center")
    axes.set(xlabel="layer", ylabel="firing rate (spikes per neuron and step)", title=f"{dataset}: {seeds(results)}")
    axes.set_ylim(bottom=0)
    legend_beside(axes)
    return figure
