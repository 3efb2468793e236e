"""Figure 2: accuracy at few time steps

Accuracy against the time steps T. STS: trained and tested at each T; DTS: trained once, at the largest T, and answering
after the first steps alone. HSD answers from the frames after phase 1; recipes with frames: full from the recording
split into T frames; converted is the network of phase 1 before any fine-tuning, after its first steps.
Bars: sample standard deviation over seeds, or the Wilson 95 % interval of a single seed.
"""

import numpy as np
from matplotlib.figure import Figure

from pipeline.report.results import CONVERTED, Results, base
from pipeline.report.style import DODGE, bars, hollow, legend_beside, line, look, one

ORDER = 1


def figure(results: Results, dataset: str) -> Figure | None:
    """Draw recipes of report.figure2: `sts` at each T that the grid has, `dts` after each step. Source: Figure 2."""
    asked, series = results.settings.report.figure2, []
    for kind, recipe in [*(("STS", name) for name in asked.sts), *(("DTS", name) for name in asked.dts)]:
        names = [name for name in (*results.settings.grid.all_recipes, CONVERTED) if base(name) == recipe]
        if names:
            series.append((kind, recipe, results.rows(dataset, names).drop_duplicates("steps").sort_values("steps")))
    if all(recipe == CONVERTED for _, recipe, _ in series):
        return None
    drawn, axes = one(6.4, 3.6, xlabel="time steps T", title=f"{results.label(dataset)}: {bars(results)}")
    for index, (kind, recipe, rows) in enumerate(series):
        last = rows.to_dict("records")[-1]
        if kind == "STS":
            x, values = rows["steps"], np.array([results.accuracies(dataset, name) for name in rows["recipe"]]).T
        else:
            x, values = np.arange(1, last["steps"] + 1), results.after_steps(dataset, last["recipe"])
        both = recipe in asked.sts and recipe in asked.dts
        row = {**last, "title": f"{last['base']} ({kind})" if both else last["base"]}
        shape = look(row, results.settings)
        shape = hollow(shape) if both and kind == "DTS" else shape
        shape |= {"linestyle": ""} if recipe == CONVERTED else {}
        runs = rows.to_dict("records") if kind == "STS" else None
        line(axes, x, values, row, results, DODGE * (index - 1), runs, **shape)
    axes.set_xticks(range(1, max(rows["steps"].max() for *_, rows in series) + 1))
    legend_beside(axes)
    return drawn
