"""Energy

Accuracy against the energy of one recording, estimated from multiply-accumulates and synaptic operations in 45 nm.
Recipes of one method are joined by their number of steps; hollow marks see the whole recording, full ones the frames
after phase 1. Methods of report.methods and the rows of Table 2; the table of energy has all.
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.report.escape import plot
from pipeline.report.results import ANN, CONVERTED, Results
from pipeline.report.style import GREY, Look, bars, hollow, legend_beside, line, log_ticks, look, mark, methods, one

ORDER = 4


def figure(results: Results, dataset: str) -> Figure | None:
    """Draw accuracy against energy (µJ), a mark a recipe; bars: sd, or Wilson for one seed. None without estimates."""
    rows = results.rows(dataset, [ANN, CONVERTED, *results.settings.grid.all_recipes])
    shown = rows["method"].isin(results.settings.report.methods) | rows["recipe"].isin(results.ablation())
    rows = rows[(shown | (rows["kind"] != "snn")) & (rows["energy_uj"] > 0)]
    if rows.empty:
        return None
    labels = {"xlabel": "estimated energy of one recording (µJ)", "title": f"{results.label(dataset)}: {bars(results)}"}
    drawn, axes = one(7.2, 4.2, **labels)
    order = [ANN, CONVERTED, *methods(results.settings)]
    places = rows["method"].where(rows["kind"] == "snn", rows["kind"]).map(order.index)
    rows = rows.assign(place=places).sort_values(["place", "frames", "steps"], kind="stable")
    marks: dict[str, Look] = {}
    for (_, frames), joined in rows.groupby(["place", "frames"]):
        first = joined.to_dict("records")[0]
        shape = look(first, results.settings)
        if first["kind"] == "snn":
            shape["label"] = plot(first["base"])
        marks.setdefault(shape["label"], shape)
        shape = hollow(shape) if frames == "full" else shape
        accuracy = np.array([results.accuracies(dataset, name) for name in joined["recipe"]]).T
        thin = {"linestyle": "-", "linewidth": 0.8, "elinewidth": 0.6, "capsize": 0}
        reach = joined["energy_sd"] if results.count > 1 else None
        runs = joined.to_dict("records")
        line(axes, joined["energy_uj"], accuracy, first, results, runs=runs, xerr=reach, **{**shape, **thin})
    if (rows["frames"] == "full").any():
        marks["hollow"] = hollow(mark(GREY, "o", "", "hollow: whole recording"))
    axes.set_xscale("log")
    log_ticks(axes.xaxis)
    handles = [Line2D([], [], **{**shape, "linestyle": ""}) for shape in marks.values()]
    legend_beside(axes, handles=handles)
    return drawn
