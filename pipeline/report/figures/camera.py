"""The figure of what the camera saw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pipeline.config import Phases
from pipeline.report.figures.recordings import Recording
from pipeline.report.figures.style import GREY, OFF, ON

# The brightest pixels are few; beyond this percentile of the counts colour saturates, so that the rest is seen.
SATURATION = 99.0
CELL_INCHES = 0.95
LEFT_INCHES, TOP_INCHES, BOTTOM_INCHES = 0.8, 0.62, 0.32
# About the width of a letter of a row's label, so that long class names are not cut off.
LETTER_INCHES = 0.085


def colours(frames: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Turn event counts [T, 2, H, W] into pictures [T, H, W, 3], 0 to 1: inks on white paper, dark where both meet."""
    counts = frames.astype(np.float64)
    full = max(1.0, float(np.percentile(counts[counts > 0], SATURATION))) if counts.any() else 1.0
    strength = np.clip(counts / full, 0, 1)[..., None]
    off, on = (1 - strength[:, polarity] * (1 - np.array(to_rgb(ink))) for polarity, ink in enumerate((OFF, ON)))
    picture: npt.NDArray[np.float64] = off * on
    return picture


def camera(recordings: Sequence[Recording], phases: Phases) -> Figure:
    """Draw one row a recording, its T frames side by side, the frames of both phases marked above."""
    rows, steps = len(recordings), recordings[0].frames.shape[0]
    left = max(LEFT_INCHES, LETTER_INCHES * (2 + max(len(recording.label) for recording in recordings)))
    width = left + steps * CELL_INCHES
    height = TOP_INCHES + rows * CELL_INCHES + BOTTOM_INCHES
    figure = Figure(figsize=(width, height))
    grid = figure.subplots(
        rows,
        steps,
        squeeze=False,
        gridspec_kw={
            "left": left / width, "right": 1 - 0.05 / width, "top": 1 - TOP_INCHES / height,
            "bottom": BOTTOM_INCHES / height, "wspace": 0.06, "hspace": 0.06,
        },
    )  # fmt: skip
    for line, recording in zip(grid, recordings, strict=True):
        for axes, picture in zip(line, colours(recording.frames), strict=True):
            axes.imshow(picture, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(visible=True, color=GREY, linewidth=0.5)
        line[0].set_ylabel(recording.label, rotation=0, ha="right", va="center", fontsize=10)
    first_end = phases.offset + phases.t1
    _mark(figure, grid[0], phases.offset, first_end, "phase 1: ANN")
    _mark(figure, grid[0], first_end, first_end + phases.t2, "phase 2: SNN")
    for index, axes in enumerate(grid[0]):
        axes.set_title(f"frame {index + 1}", fontsize=7, color=GREY, pad=3)
    inks = [Patch(color=ON, label="brighter (ON)"), Patch(color=OFF, label="darker (OFF)")]
    figure.legend(handles=inks, loc="lower center", ncols=2, fontsize=8, borderaxespad=0.2)
    return figure


def _mark(figure: Figure, axes: Sequence[Axes], start: int, stop: int, text: str) -> None:
    gap = 0.04 / figure.get_figwidth()
    left, right = axes[start].get_position().x0 + gap, axes[stop - 1].get_position().x1 - gap
    inch = 1 / figure.get_figheight()
    y = axes[start].get_position().y1 + 0.24 * inch
    figure.add_artist(Line2D([left, right], [y, y], color="black", linewidth=1.2))
    figure.text((left + right) / 2, y + 0.06 * inch, text, ha="center", va="bottom", fontsize=9)
