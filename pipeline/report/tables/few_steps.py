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
    rows = [row for dataset in results.datasets for pair in pairs for row in _rows(results, dataset, *pair)]
    lines = [*notes.say("few_steps"), *notes.seeds(results), *notes.recordings(results)]
    return Table([*shown, *columns("accuracy over_steps")], pd.DataFrame(rows), lines)


def _rows(results: Results, dataset: str, recipe: str, ann: str | None) -> list[dict[str, Any]]:
    """Return the row of a recipe, and one for each other number of steps at which the same networks were tested."""
    own, found = results.cell(dataset, recipe, ann), []
    title = f"{own['base']}, ANN {ann}" if ann else own["title"]
    for of, steps in sorted(results.grouped(dataset, recipe, ann).groupby("of"), reverse=True):
        row = {**own, "title": title if of == own["steps"] else f"{title}, grouped into {of}", "group": dataset}
        means = 100 * steps.groupby("t")[["accuracy", "events"]].mean()
        row |= {"steps": of, "accuracy": means["accuracy"].iloc[-1]}
        if row["causal"]:
            each = 100 * steps.groupby("seed")["accuracy"].mean()
            row |= {"over_steps": each.mean(), "over_steps_sd": each.std(ddof=1)}
        for t, accuracy, events in means.itertuples():
            if t in SHOWN and (row["causal"] or t == of):
                text = f"{accuracy:.2f} ({events:.0f} %)"
                row |= {f"accuracy_{t}": accuracy, f"events_{t}": events, f"text_{t}": text}
        found.append(row if of == own["steps"] else {**row, "sd": None})
    return found
