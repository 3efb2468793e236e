"""Accuracy after each time step

The rows of Table 2 and the ANN, answered by the mean of the logits so far.
"""

import numpy as np
from matplotlib.figure import Figure

from pipeline.report.results import ANN, Results
from pipeline.report.style import DODGE, bars, legend_beside, line, one

ORDER = 5


def figure(results: Results, dataset: str) -> Figure | None:
    """Draw accuracy after each time step: the ANN and the rows of Table 2; bars: sd over seeds, or Wilson for one."""
    rows = results.rows(dataset, [ANN, *results.ablation()])
    drawn, axes = one(6.6, 3.6, xlabel="time steps t", title=f"{results.label(dataset)}: {bars(results)}")
    for index, row in enumerate(rows.to_dict("records")):
        x, dodge = np.arange(1, row["steps"] + 1), DODGE * (index - (len(rows) - 1) / 2)
        line(axes, x, results.after_steps(dataset, row["recipe"]), row, results, dodge)
    axes.set_xticks(range(1, rows["steps"].max() + 1))
    legend_beside(axes)
    return drawn
