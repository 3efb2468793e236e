"""How every figure looks: one colour for a method everywhere, the same parts, the same bytes for the same numbers."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from pipeline.config.report import ReportSettings
from pipeline.report.escape import plot
from pipeline.report.results import Results
from pipeline.report.statistics import wilson
from pipeline.report.svg import interactive, tell
from pipeline.runtime.files import write_text

# Okabe and Ito (2008), Color universal design; yellow last, for it is faint on white.
# Black and grey are the references'.
PALETTE = ("#D55E00", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
LINES = ("-", "-.", (0, (6, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
# How far the palette is turned from one round to the next, so that neighbours in a list do not meet again.
TURN = 3
BLACK, GREY = "#000000", "#7F7F7F"
ON, OFF = "#E69F00", "#0072B2"
# Beside one another at one time step, error bars are told apart; farther, the step would be in doubt.
DODGE = 0.03
# Keywords of Axes.plot and Axes.errorbar.
Look = dict[str, Any]


def methods(settings: ReportSettings) -> list[str]:
    """Return all methods: report.methods, then further ones as they come among the runs."""
    others = [entry.method for entry in settings.runs if entry.kind == "snn"]
    return list(dict.fromkeys([*settings.report.methods, *others]))


def look(row: Mapping[str, Any], settings: ReportSettings) -> Look:
    """Return label and look of a row of `Results.cells`, by its method's place: the same in every figure."""
    label = plot(row["title"])
    if row["kind"] != "snn":
        return mark(*((BLACK, "*", "--") if row["kind"] == "ann" else (GREY, "*", ":")), label)
    index = methods(settings).index(row["method"])
    turn = index // len(PALETTE)
    color = PALETTE[(index + TURN * turn) % len(PALETTE)]
    return mark(color, MARKERS[index % len(MARKERS)], LINES[turn % len(LINES)], label)


def mark(color: str, marker: str, line: Any, label: str) -> Look:
    """Return a look; a star is larger, for its area is small."""
    edge = {"markeredgecolor": BLACK, "markeredgewidth": 0.4}
    inside = {"markersize": 7 if marker == "*" else 4.5, "markerfacecolor": color, **edge}
    return {"label": label, "color": color, "marker": marker, "linestyle": line, **inside}


def hollow(shape: Look) -> Look:
    """Return the look of a second series of the same method in the same figure."""
    edge = {"markeredgecolor": shape["color"], "markeredgewidth": 1.2}
    return {**shape, "linestyle": "--", "markerfacecolor": "white", **edge}


def drawing() -> AbstractContextManager[None]:
    """Return a block to draw in: matplotlib's own defaults and ours, whatever the user's matplotlibrc says."""
    return matplotlib.style.context(Path(__file__).parent / "templates/figures.mplstyle", after_reset=True)


def save(figure: Figure, directory: Path, name: str, dpi: int) -> None:
    """Write <name>.png and .pdf with neither date nor version in them, and .svg for the page where it has series."""
    figure.savefig(directory / f"{name}.png", dpi=dpi, metadata={"Software": None})
    # The layout is found; it needn't be found again.
    figure.set_layout_engine("none")
    # Creator and Producer name matplotlib's version: an update would change every picture.
    plain = {"CreationDate": None, "Creator": None, "Producer": None}
    figure.savefig(directory / f"{name}.pdf", dpi=dpi, metadata=plain)
    if (text := interactive(figure, name)) is not None:
        write_text(directory / f"{name}.svg", text)


def one(width: float, height: float, **labels: str) -> tuple[Figure, Axes]:
    """Return a figure of one plot, in inches, and its axes, labelled."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set(**{"ylabel": "test accuracy (%)", **labels})
    return figure, axes


def line(
    axes: Axes,
    x: ArrayLike,
    values: NDArray[np.float64],
    row: Mapping[str, Any],
    results: Results,
    dodge: float = 0,
    runs: Iterable[Mapping[str, Any]] | None = None,
    **other: Any,
) -> None:
    """Draw against x [points] the mean of shares [seeds, points] of a row of `Results.cells`, in percent, with bars.

    `dodge` moves all of it sideways; `runs`: the row of each point, where the points are runs of their own.
    """
    shape: Look = {**look(row, results.settings), "elinewidth": 0.8, **other}
    x, mean = np.asarray(x), 100 * values.mean(axis=0)
    drawn = axes.errorbar(x + dodge, mean, 100 * spread(values, row["n_test"]), **shape)
    low, high = wilson(values.mean(axis=0), row["n_test"])
    deviations = 100 * values.std(axis=0, ddof=1) if len(values) > 1 else [None] * len(mean)
    ends = zip(mean, deviations, 100 * low, 100 * high, strict=True)
    said = [
        f"{share:.2f}{'' if sd is None else f' ± {sd:.2f}'} %, Wilson 95 % interval {a:.2f} – {b:.2f} %"
        for share, sd, a, b in ends
    ]
    names = ["{dataset}/{at}/{recipe}".format(**run) for run in runs or [row] * len(mean)]
    tell(drawn.lines[0], shape["label"], [
        f"{shape['label']}\n{axes.get_xlabel()}: {place:.4g}\n{text}\n{name}, {which(results)}"
        for place, text, name in zip(x, said, names, strict=True)
    ])  # fmt: skip


def which(results: Results) -> str:
    """Return the seeds by number."""
    seeds = results.settings.grid.seeds
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def spread(values: NDArray[np.float64], n_test: int) -> NDArray[np.float64]:
    """Return how far the bars reach below and above the mean of shares [seeds, points]: [2, points].

    The sample standard deviation over seeds; the Wilson 95 % interval where there is one seed.
    """
    if len(values) > 1:
        return np.tile(values.std(axis=0, ddof=1), (2, 1))
    return np.abs(np.array(wilson(values[0], n_test)) - values[0])


def seeds(results: Results, many: str = "mean and sd", one: str = "") -> str:
    return f"{many} of {results.count} seeds" if results.count > 1 else f"one seed{one}"


def bars(results: Results) -> str:
    return seeds(results, one="; bars: Wilson 95 % interval")


def log_ticks(axis: Axis) -> None:
    """Number a logarithmic axis at 1, 2 and 5: powers of ten alone would leave a short one without a number."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def legend_beside(axes: Axes, **other: Any) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), **other)
