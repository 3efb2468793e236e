"""How every figure looks: one colour for a recipe everywhere, and the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from pipeline.report.results import ANN, CONVERTED

# Okabe and Ito (2008), Color universal design; yellow last, for it is faint on white.
# Black and grey are the references'.
PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
BLACK, GREY = "#000000", "#7F7F7F"
ON, OFF = "#E69F00", "#0072B2"

SETTINGS: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "errorbar.capsize": 2.5,
    # Without a salt the ids in an SVG are random; as paths, letters look alike wherever the font is missing.
    "svg.hashsalt": "report",
    "svg.fonttype": "path",
}


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one series."""

    color: str
    marker: str
    linestyle: str


def look(name: str, recipes: Sequence[str]) -> Look:
    """Give the look of a run, by its place among all recipes of params.yaml: the same in every figure and grid."""
    if name == ANN:
        return Look(BLACK, "", "--")
    if name == CONVERTED:
        return Look(GREY, "*", ":")
    index = recipes.index(name)
    turn = index // len(PALETTE)
    return Look(PALETTE[index % len(PALETTE)], MARKERS[(index + turn) % len(MARKERS)], ("-", "-.")[turn % 2])


@contextmanager
def drawing() -> Iterator[None]:
    """Draw inside this block: matplotlib's own defaults and ours, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def save(figure: Figure, directory: Path, name: str, dpi: int) -> None:
    """Write <name>.png and <name>.svg with neither date nor version in them."""
    figure.savefig(directory / f"{name}.png", dpi=dpi, metadata={"Software": None})
    # Creator names matplotlib's version: an update would change every picture.
    figure.savefig(directory / f"{name}.svg", dpi=dpi, metadata={"Date": None, "Creator": None})
