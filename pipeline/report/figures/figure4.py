"""Figure 4: firing rates of the first spiking layer

Spikes per step of each neuron over the first steps, on the same test recording and in one colour scale: channels in
reading order above, one of them enlarged below. Left: the sum of the frames that both networks saw (orange: brighter,
blue: darker).
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from pipeline.errors import FileError
from pipeline.report.escape import plot
from pipeline.report.figures.camera import colours
from pipeline.report.results import Results
from pipeline.report.style import GREY
from pipeline.results.read import read_maps

ORDER = 2
MOST_CHANNELS, MOST_COLUMNS = 64, 8
PANEL_INCHES = 2.15
OTHER = (
    "saw other frames ({}) than {} ({}), so Figure 4 would compare inputs, not networks; name recipes with the same "
    "frames and steps in report.figure4.recipes"
)


def figure(results: Results, dataset: str) -> Figure | None:
    """Draw firing-rate maps of report.figure4.recipes over the first steps: all channels above, one enlarged below.

    None where the grid lacks one of the recipes, one has no spiking layer, or none has so many steps. FileError: the
    runs saw other frames, so that their maps cannot be compared. Source: Figure 4.
    """
    asked = results.settings.report.figure4
    if not asked.recipes or results.present(asked.recipes) != asked.recipes:
        return None
    folders = [results.folders(dataset, name)[0] for name in asked.recipes]
    found = [maps for folder in folders if (maps := read_maps(folder)) is not None]
    steps = [count for count in asked.steps if all(count <= len(maps.spikes) for maps in found)]
    if len(found) < len(folders) or not steps:
        return None
    first, longest = found[0], max(steps)
    for folder, maps in zip(folders, found, strict=True):
        if not np.array_equal(maps.frames[:longest], first.frames[:longest]):
            raise FileError(folder / "maps.npz", OTHER.format(maps.name, folders[0].name, first.name))
    channel = min(asked.channel, *(maps.spikes.shape[1] - 1 for maps in found))
    columns = 1 + len(found) * len(steps)
    drawn = Figure(figsize=(PANEL_INCHES * columns + 0.8, 2 * PANEL_INCHES + 0.9), layout="constrained")
    panels = drawn.subplots(2, columns, squeeze=False)
    panels[1, 0].set_visible(False)
    for axes, count in zip(panels[:, 0], sorted({min(steps), longest}), strict=False):
        axes.set_visible(True)
        total = first.frames[:count].sum(axis=0, dtype=np.int64)
        _panel(axes, colours(total[None])[0], f"input, sum of {count} frame{'s' if count > 1 else ''}")
    titles = [plot(results.cell(dataset, name)["title"]) for name in asked.recipes]
    places = [(title, maps, count) for title, maps in zip(titles, found, strict=True) for count in steps]
    for (above, below), (title, maps, count) in zip(panels[:, 1:].T, places, strict=True):
        # Spikes per step of each neuron, [C, H, W].
        shown = maps.spikes[:count].mean(axis=0, dtype=np.float64)
        image = _panel(above, mosaic(shown), f"{title}, T = {count}")
        _panel(below, shown[channel], f"channel {channel}, T = {count}")
    bar = drawn.colorbar(image, ax=panels[:, 1:], label="firing rate (spikes per step)", fraction=0.03, pad=0.01)
    bar.outline.set_linewidth(0.5)
    which = f"channels 0 to {min(MOST_CHANNELS, first.spikes.shape[1]) - 1}, seed {results.settings.grid.seeds[0]}"
    drawn.suptitle(f"{dataset}: first spiking layer on {plot(first.name)}, {which}", fontsize=10)
    return drawn


def mosaic(channels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return maps [C, H, W] side by side in reading order, at most 64; nan between and where none is left."""
    kept = channels[:MOST_CHANNELS]
    columns = min(MOST_COLUMNS, int(np.ceil(np.sqrt(len(kept)))))
    rows = -(-len(kept) // columns)
    # As wide as it is seen: one line between two maps, and not too thin where maps are large.
    gap = max(1, round(0.04 * kept.shape[2]))
    padding = ((0, rows * columns - len(kept)), (0, gap), (0, gap))
    tiles = np.pad(kept, padding, constant_values=np.nan)
    sheet = tiles.reshape(rows, columns, *tiles.shape[1:]).transpose(0, 2, 1, 3)
    return sheet.reshape(rows * tiles.shape[1], -1)[:-gap, :-gap]


def _panel(axes: Axes, picture: NDArray[np.float64], text: str) -> AxesImage:
    image = axes.imshow(picture, cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    axes.set_title(text, fontsize=9)
    axes.spines[:].set(visible=True, color=GREY, linewidth=0.5)
    return image
