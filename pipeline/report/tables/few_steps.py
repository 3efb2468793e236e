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
    shown = columns("dataset (recipe) (ann) title seen steps seeds")
    for t in SHOWN:
        shown += [Column(f"text_{t}", f"t = {t}", only="text"), *columns(f"(accuracy_{t}) (events_{t})")]
    grid = results.settings.grid
    # Those that run with other ANNs too stand once more with each.
    others = [(name, ann) for name in names if name in grid.more for ann in grid.more_anns]
    pairs = [*((name, None) for name in names if name not in grid.more or grid.ann_of(name) in grid.anns), *others]
    rows = [_row(results, dataset, *pair) for dataset in results.datasets for pair in pairs]
    lines = [*notes.say("few_steps"), *notes.seeds(results), *notes.recordings(results)]
    return Table([*shown, *columns("accuracy")], pd.DataFrame(rows), lines)


def _row(results: Results, dataset: str, recipe: str, ann: str | None) -> dict[str, Any]:
    row = results.cell(dataset, recipe, ann)
    row |= {"title": f"{row['base']}, ANN {ann}"} if ann else {}
    means = 100 * results.by_step(dataset, recipe, ann).groupby("t")[["accuracy", "events"]].mean()
    for t, accuracy, events in means.itertuples():
        if t in SHOWN and (row["causal"] or t == row["steps"]):
            row |= {f"accuracy_{t}": accuracy, f"events_{t}": events, f"text_{t}": f"{accuracy:.2f} ({events:.0f} %)"}
    return {**row, "group": dataset}
