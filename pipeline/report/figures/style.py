"""How every figure looks: one colour for a method everywhere, and the same bytes for the same numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from pipeline.config import Params
from pipeline.report.results import ANN, CONVERTED

# Okabe and Ito (2008), Color universal design; yellow last, for it is faint on white.
# Black and grey are the references'.
PALETTE = ("#D55E00", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
LINES = ("-", "-.", (0, (6, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
# How far the palette is turned from one round to the next, so that neighbours in a list do not meet again.
TURN = 3
BLACK, GREY = "#000000", "#7F7F7F"
ON, OFF = "#E69F00", "#0072B2"
# What may end a recipe's name and says only in how many steps it answers.
STEPS_ENDING = re.compile(r"-(\d+|all)$")

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
    "errorbar.capsize": 2.5,
    # TrueType: text stays text, and publishers refuse the default, Type 3.
    "pdf.fonttype": 42,
}

Line = str | tuple[float, tuple[float, ...]]


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one series; a hollow one is white inside its marks."""

    color: str
    marker: str
    linestyle: Line
    hollow: bool = False

    @property
    def line(self) -> dict[str, Any]:
        """Give it as keywords of Axes.plot and Axes.errorbar."""
        return {
            "color": self.color, "marker": self.marker, "linestyle": self.linestyle,
            "markerfacecolor": "white" if self.hollow else self.color,
            # A star's area is small.
            "markersize": 7 if self.marker == "*" else 4.5,
            "markeredgecolor": self.color if self.hollow else BLACK, "markeredgewidth": 1.2 if self.hollow else 0.4,
        }  # fmt: skip

    def again(self) -> Look:
        """Give the look of a second series of the same method in the same figure."""
        return replace(self, linestyle="--", hollow=True)


def method(name: str) -> str:
    """Give the method of a recipe: its name without the number of steps (hsd-1: hsd; tet-all: tet)."""
    return STEPS_ENDING.sub("", name)


def methods(params: Params) -> list[str]:
    """List all methods of params.yaml: report.methods, then those of further recipes as they come."""
    return list(dict.fromkeys([*params.report.methods, *(method(name) for name in params.recipes)]))


def look(name: str, params: Params) -> Look:
    """Give the look of a run, by its method's place among all of params.yaml: the same in every figure and grid."""
    if name == ANN:
        return Look(BLACK, "*", "--")
    if name == CONVERTED:
        return Look(GREY, "*", ":")
    index = methods(params).index(method(name))
    turn = index // len(PALETTE)
    color = PALETTE[(index + TURN * turn) % len(PALETTE)]
    return Look(color, MARKERS[index % len(MARKERS)], LINES[turn % len(LINES)])


@contextmanager
def drawing() -> Iterator[None]:
    """Draw inside this block: matplotlib's own defaults and ours, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def save(figure: Figure, directory: Path, name: str, dpi: int) -> None:
    """Write <name>.png and <name>.pdf with neither date nor version in them."""
    figure.savefig(directory / f"{name}.png", dpi=dpi, metadata={"Software": None})
    # The layout is found; it needn't be found again.
    figure.set_layout_engine("none")
    # Creator and Producer name matplotlib's version: an update would change every picture.
    figure.savefig(
        directory / f"{name}.pdf", dpi=dpi, metadata={"CreationDate": None, "Creator": None, "Producer": None}
    )
