"""The figure of firing-rate maps of the first spiking layer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from pipeline.config import Params
from pipeline.errors import FileError
from pipeline.report.arrays import Maps
from pipeline.report.figures.axes import title
from pipeline.report.figures.camera import colours
from pipeline.report.figures.style import GREY
from pipeline.report.results import Results, Run

Rates = npt.NDArray[np.float64]

MOST_CHANNELS, MOST_COLUMNS = 64, 8
PANEL_INCHES = 2.15


def rates(maps: Maps, steps: int) -> Rates:
    """Give the spikes per step of each neuron over the first so many steps: [C, H, W], 0 to 1."""
    return maps.spikes[:steps].mean(axis=0, dtype=np.float64)


def mosaic(channels: Rates) -> Rates:
    """Lay maps [C, H, W] side by side in reading order, at most 64; nan between and where none is left."""
    kept = channels[:MOST_CHANNELS]
    count, height, width = kept.shape
    columns = min(MOST_COLUMNS, int(np.ceil(np.sqrt(count))))
    rows = -(-count // columns)
    # As wide as it is seen: one line between two maps, and not too thin where maps are large.
    gap = max(1, round(0.04 * width))
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for index, channel in enumerate(kept):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = channel
    return sheet


def figure4(results: Results, params: Params, dataset: str) -> Figure | None:
    """Draw firing-rate maps of report.figure4.runs over the first steps: all channels above, one enlarged below.

    The first seed, one recording, one colour scale; what the networks saw in those steps stands at the left. None
    where the grid lacks one of the runs, one has no spiking layer, or none has so many steps.

    Raises:
        FileError: the runs saw other frames, so that their maps cannot be compared.

    Source: Figure 4.
    """
    asked = params.report.figure4
    if not asked.runs or any(name not in results.recipes for name in asked.runs):
        return None
    runs = [results.cell(dataset, results.grid.ann, name).runs[0] for name in asked.runs]
    found = [maps for run in runs if (maps := run.maps()) is not None]
    steps = [count for count in asked.steps if all(count <= len(maps.spikes) for maps in found)]
    if len(found) < len(runs) or not steps:
        return None
    _same_input(runs, found, max(steps))
    channel = min(asked.channel, *(maps.spikes.shape[1] - 1 for maps in found))
    columns = 1 + len(runs) * len(steps)
    figure = Figure(figsize=(PANEL_INCHES * columns + 0.8, 2 * PANEL_INCHES + 0.9), layout="constrained")
    panels = figure.subplots(2, columns, squeeze=False)
    _inputs(panels[:, 0], found[0], steps)
    places = [(name, maps, count) for name, maps in zip(asked.runs, found, strict=True) for count in steps]
    for (above, below), (name, maps, count) in zip(panels[:, 1:].T, places, strict=True):
        shown = rates(maps, count)
        image = _panel(above, mosaic(shown), f"{title(name, params)}, T = {count}")
        _panel(below, shown[channel], f"channel {channel}, T = {count}")
    bar = figure.colorbar(image, ax=panels[:, 1:], label="firing rate (spikes per step)", fraction=0.03, pad=0.01)
    bar.outline.set_linewidth(0.5)
    channels = min(MOST_CHANNELS, found[0].spikes.shape[1])
    figure.suptitle(
        f"{dataset}: first spiking layer on {found[0].name}, channels 0 to {channels - 1}, seed {runs[0].seed}",
        fontsize=10,
    )
    return figure


def _inputs(panels: npt.NDArray[np.object_], maps: Maps, steps: list[int]) -> None:
    """Draw the sum of the frames of the fewest steps above, of the most below."""
    for axes, count in zip(panels, (min(steps), max(steps)), strict=True):
        if axes is not panels[0] and count == min(steps):
            axes.set_visible(False)
            continue
        total = maps.frames[:count].sum(axis=0, dtype=np.int64)
        axes.imshow(colours(total[None])[0], interpolation="nearest")
        _frame(axes, f"input, sum of {count} frame{'s' if count > 1 else ''}")


def _panel(axes: Axes, picture: Rates, text: str) -> AxesImage:
    image = axes.imshow(picture, cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
    _frame(axes, text)
    return image


def _frame(axes: Axes, text: str) -> None:
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    axes.set_title(text, fontsize=9)
    axes.spines[:].set(visible=True, color=GREY, linewidth=0.5)


def _same_input(runs: list[Run], found: list[Maps], steps: int) -> None:
    for run, maps in zip(runs[1:], found[1:], strict=True):
        if not np.array_equal(maps.frames[:steps], found[0].frames[:steps]):
            raise FileError(
                run.path / "maps.npz",
                f"saw other frames ({maps.name}) than {runs[0].name} ({found[0].name}), so Figure 4 would compare "
                "inputs, not networks; name recipes with the same frames and steps in report.figure4.runs",
            )
