"""Few steps: accuracy in percent after the first time steps, and in brackets the share of a recording's events that
had come by then.
"""

from typing import Any

import pandas as pd

from pipeline.report import notes
from pipeline.report.render import Column, Table, columns
from pipeline.report.results import Results

ORDER = 6
# The paper's range of T.
SHOWN = (1, 2, 3, 4, 5)


def table(results: Results) -> Table | None:
    """Return a row a recipe of report.few_steps, a column a step; nothing where its first answers need later frames."""
    names = results.adds(results.settings.report.few_steps)
    if not names:
        return None
    shown = columns("dataset (recipe) title seen steps seeds")
    for t in SHOWN:
        shown += [Column(f"text_{t}", f"t = {t}", only="text"), *columns(f"(accuracy_{t}) (events_{t})")]
    rows = [_row(results, dataset, name) for dataset in results.datasets for name in names]
    lines = [*notes.say("few_steps"), *notes.seeds(results), *notes.recordings(results)]
    return Table([*shown, *columns("accuracy")], pd.DataFrame(rows), lines)


def _row(results: Results, dataset: str, recipe: str) -> dict[str, Any]:
    row = results.cell(dataset, recipe)
    means = 100 * results.by_step(dataset, recipe).groupby("t")[["accuracy", "events"]].mean()
    for t, accuracy, events in means.itertuples():
        if t in SHOWN and (row["causal"] or t == row["steps"]):
            row |= {f"accuracy_{t}": accuracy, f"events_{t}": events, f"text_{t}": f"{accuracy:.2f} ({events:.0f} %)"}
    return {**row, "group": dataset}
