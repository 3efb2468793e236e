"""Quantisation steps L of the ANN (the paper's Table 3): accuracy on the test recordings of the ANN, of the network
converted from it, and after fine-tuning.
"""

import pandas as pd

from pipeline.report import notes, paper
from pipeline.report.render import Column, Table, columns
from pipeline.report.results import ANN, CONVERTED, Results

ORDER = 4
KEYS = ("accuracy", "sd", "wilson_low", "wilson_high", "firing_rate")


def table(results: Results) -> Table | None:
    """Return ANN, converted and fine-tuned by L, a row for each data set and L; None where the grid has one ANN."""
    grid, rows = results.settings.grid, []
    if len(grid.anns) == 1:
        return None
    for dataset in results.datasets:
        column = results.facts(dataset).paper
        for ann in results.by_levels(dataset):
            cells = {name: results.cell(dataset, name, ann) for name in (ANN, CONVERTED, *grid.sweep)}
            levels = cells[ANN]["levels"]
            printed = [paper.value("table3", cells[name], column, levels) for name in grid.sweep]
            values = {f"{name}_{key}": cell[key] for name, cell in cells.items() for key in KEYS}
            values |= {"paper": max(filter(None, printed), default=None)} if column else {}
            rows.append({"dataset": dataset, "group": dataset, "levels": levels, "seeds": results.count, **values})
    shown = columns("dataset levels seeds")
    for name in (ANN, CONVERTED, *grid.sweep):
        title = {ANN: "ANN", CONVERTED: "Converted"}.get(name) or results.cell(results.datasets[0], name)["title"]
        shown.append(Column(f"{name}_accuracy", f"{title} (%)", spread=f"{name}_sd"))
        only = None if name in grid.sweep else "csv"
        shown.append(Column(f"{name}_wilson", "95 % interval", interval=True, only=only))
        if name == CONVERTED:
            shown.append(Column("converted_firing_rate", "Firing rate, converted", decimals=3))
    shown.append(Column("paper", "Paper, HSD (%)"))
    frame = pd.DataFrame(rows)
    lines = notes.common(results, frame, one_t=True) + notes.say("converted_rate")
    return Table(shown, frame, lines + notes.of_paper("table3", results))
