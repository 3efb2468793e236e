"""What the figures of numbers share: a line with its error bars, titles, legends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.config import Params
from pipeline.report.figures.style import Look
from pipeline.report.results import ANN, CONVERTED, Results
from pipeline.report.statistics import wilson

Series = npt.NDArray[np.float64]

# Beside one another at one time step, error bars are told apart; farther, the step would be in doubt.
DODGE = 0.03


def one(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def line(axes: Axes, points: tuple[Series, Series], shape: Look, label: str, n_test: int) -> None:
    """Draw x [points] and the mean of shares [seeds, points], in percent, with error bars."""
    x, values = points
    mean = values.mean(axis=0)
    axes.errorbar(x, 100 * mean, 100 * spread(values, n_test), **shape.line, elinewidth=0.8, label=label)


def spread(values: Series, n_test: int) -> Series:
    """Give how far the bars reach below and above the mean of shares [seeds, points]: [2, points].

    The sample standard deviation over seeds; the Wilson 95 % interval where there is one seed.
    """
    mean = values.mean(axis=0)
    if len(values) > 1:
        return np.tile(values.std(axis=0, ddof=1), (2, 1))
    ends = np.array([wilson(share * n_test, n_test) for share in mean]).T
    return np.abs(ends - mean)


def title(name: str, params: Params) -> str:
    return {ANN: "ANN (teacher)", CONVERTED: "converted"}.get(name) or params.title(name)


def seeds(results: Results) -> str:
    count = len(results.grid.seeds)
    return f"mean and sd of {count} seeds" if count > 1 else "one seed"


def bars(results: Results) -> str:
    return seeds(results) + ("" if len(results.grid.seeds) > 1 else "; bars: Wilson 95 % interval")


def legend_beside(axes: Axes) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
