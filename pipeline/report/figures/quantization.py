"""Quantisation steps

Accuracy against L of the ANN: the ANN itself, the network converted from it, and the fine-tuned one (Table 3).
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from pipeline.report.results import ANN, CONVERTED, Results
from pipeline.report.style import bars, legend_beside, line, one

ORDER = 8


def figure(results: Results, dataset: str) -> Figure | None:
    """Draw accuracy against L: the ANN, the converted network, the sweep's recipes; None where there is one L."""
    if len(results.settings.grid.anns) == 1:
        return None
    drawn, axes = one(
        6.4, 3.4, xlabel="quantisation steps L of the ANN", title=f"{results.label(dataset)}: {bars(results)}"
    )
    anns = results.by_levels(dataset)
    levels = [results.cell(dataset, ANN, ann)["levels"] for ann in anns]
    for name in (ANN, CONVERTED, *results.settings.grid.sweep):
        values = np.array([results.accuracies(dataset, name, ann) for ann in anns]).T
        runs = [results.cell(dataset, name, ann) for ann in anns]
        line(axes, levels, values, results.cell(dataset, name), results, runs=runs)
    axes.set_xscale("log", base=2)
    axes.set_xticks(levels, [str(level) for level in levels])
    axes.xaxis.set_minor_formatter(NullFormatter())
    legend_beside(axes)
    return drawn
