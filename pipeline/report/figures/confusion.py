"""Confusion

Which class the recordings of a class were taken for, in percent of the true class, summed over seeds.
"""

import numpy as np
from matplotlib.figure import Figure

from pipeline.report.escape import plot
from pipeline.report.results import CONVERTED, Results
from pipeline.report.style import one
from pipeline.results.read import read_confusion

ORDER = 9
NUMBERED_CLASSES = 20


def figure(results: Results, dataset: str) -> Figure | None:
    """Draw that of Table 2's last row, or of the converted network where there is none."""
    row = results.cell(dataset, [CONVERTED, *results.ablation()][-1])
    found = [read_confusion(folder) for folder in results.folders(dataset, row["recipe"])]
    classes = [plot(title) for title in found[0][0]]
    counts = np.sum([counts for _, counts in found], axis=0)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(3.2, 0.42 * len(classes)), 12)
    summed = f"sum of {results.count} seeds" if results.count > 1 else "one seed"
    labels = {"xlabel": "predicted class", "ylabel": "true class"}
    drawn, axes = one(
        side + 1.3, side + 0.5, title=f"{results.label(dataset)}: {plot(row['title'])}, {summed}", **labels
    )
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    axes.grid(False)
    small = 8 if len(classes) <= NUMBERED_CLASSES else 4
    axes.set_xticks(range(len(classes)), classes, rotation=90 if max(map(len, classes)) > 3 else 0, fontsize=small)
    axes.set_yticks(range(len(classes)), classes, fontsize=small)
    for true, said in np.argwhere(counts) if len(classes) <= NUMBERED_CLASSES else ():
        ink = "white" if shares[true, said] > 50 else "black"
        axes.text(said, true, f"{shares[true, said]:.0f}", ha="center", va="center", fontsize=7, color=ink)
    drawn.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.85)
    return drawn
