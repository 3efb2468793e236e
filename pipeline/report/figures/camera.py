"""What the camera saw

Training recordings as frames of event counts, one class a row; phase 1 and phase 2 see other frames of the same
recording.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from pipeline.frames.store import examples
from pipeline.report.escape import plot
from pipeline.report.results import Results
from pipeline.report.style import GREY, OFF, ON

ORDER = 10
# Beyond this percentile of the counts, which few pixels reach, colour saturates, so that the rest is seen.
SATURATION = 99.0
CELL_INCHES = 0.95
LEFT_INCHES, TOP_INCHES, BOTTOM_INCHES = 0.8, 0.62, 0.32
# About the width of a letter of a row's label, so that long class names are not cut off.
LETTER_INCHES = 0.085


def figure(results: Results, dataset: str) -> Figure | None:
    """Draw the first training recording of each of the first report.preview classes; None where none is known."""
    facts, count = results.facts(dataset), results.settings.report.preview
    shown = examples(results.frames[dataset], count) if dataset in results.frames else []
    if not shown:
        return None
    middle = facts.offset + facts.t1
    return camera([(label, frames) for label, _, frames in shown], (facts.offset, middle, middle + facts.t2))


def camera(recordings: Sequence[tuple[str, NDArray[np.uint8]]], phases: tuple[int, int, int]) -> Figure:
    """Draw one row a recording (class, frames [T, 2, H, W]), its T frames side by side.

    `phases`: the frames, from 0, at which phase 1 begins, phase 2 begins and phase 2 has ended.
    """
    labels = [plot(label) for label, _ in recordings]
    rows, steps = len(recordings), len(recordings[0][1])
    left = max(LEFT_INCHES, LETTER_INCHES * (2 + max(map(len, labels))))
    width, height = left + steps * CELL_INCHES, TOP_INCHES + rows * CELL_INCHES + BOTTOM_INCHES
    drawn = Figure(figsize=(width, height))
    sides = {"left": left / width, "right": 1 - 0.05 / width, "wspace": 0.06, "hspace": 0.06}
    sides |= {"top": 1 - TOP_INCHES / height, "bottom": BOTTOM_INCHES / height}
    grid = drawn.subplots(rows, steps, squeeze=False, gridspec_kw=sides)
    for line, (_, frames), label in zip(grid, recordings, labels, strict=True):
        for axes, picture in zip(line, colours(frames), strict=True):
            axes.imshow(picture, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(visible=True, color=GREY, linewidth=0.5)
        line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10)
    _mark(drawn, grid[0], *phases[:2], "phase 1: ANN")
    _mark(drawn, grid[0], *phases[1:], "phase 2: SNN")
    for index, axes in enumerate(grid[0]):
        axes.set_title(f"frame {index + 1}", fontsize=7, color=GREY, pad=3)
    inks = [Patch(color=ON, label="brighter (ON)"), Patch(color=OFF, label="darker (OFF)")]
    drawn.legend(handles=inks, loc="lower center", ncols=2, fontsize=8, borderaxespad=0.2)
    return drawn


def colours(frames: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return event counts [T, 2, H, W] as pictures [T, H, W, 3], 0 to 1: inks on white paper, dark where both meet."""
    full = max(1.0, float(np.percentile(frames[frames > 0], SATURATION))) if frames.any() else 1.0
    strength = np.clip(frames / full, 0, 1)[..., None]
    off, on = (1 - strength[:, polarity] * (1 - np.array(to_rgb(ink))) for polarity, ink in enumerate((OFF, ON)))
    return np.asarray(off * on, np.float64)


def _mark(figure: Figure, axes: Sequence[Axes], start: int, stop: int, text: str) -> None:
    gap, inch = 0.04 / figure.get_figwidth(), 1 / figure.get_figheight()
    left, right = axes[start].get_position().x0 + gap, axes[stop - 1].get_position().x1 - gap
    y = axes[start].get_position().y1 + 0.24 * inch
    figure.add_artist(Line2D([left, right], [y, y], color="black", linewidth=1.2))
    figure.text((left + right) / 2, y + 0.06 * inch, text, ha="center", va="bottom", fontsize=9)
