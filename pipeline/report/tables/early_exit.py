"""Early exit: accuracy in percent and, in brackets, the mean number of time steps used and the mean share of a
recording's events that had come by then.
"""

import pandas as pd

from pipeline.report import notes
from pipeline.report.exits import calibration, exits, rule
from pipeline.report.render import Column, Table, columns
from pipeline.report.results import Results
from pipeline.report.statistics import BINS, wilson
from pipeline.report.statistics import calibration_error as error

ORDER = 7
LONG = "(dataset) (recipe) (steps) (seeds) (threshold) (accuracy) (wilson) (mean_steps) (mean_steps_sd) (events)"


def table(results: Results) -> Table | None:
    """Return a row a recipe of `Results.compared`, a column a threshold; as CSV a row a threshold too."""
    shown = [*columns("dataset (recipe) title steps seeds"), Column("accuracy", "All T (%)")]
    shown += [Column("ece_1", "ECE, t = 1 (%)"), Column("ece_-1", "ECE, all T (%)")]
    for at in results.settings.report.exit_at:
        shown.append(Column(f"text_{at:g}", f"≥ {at:g}", only="text"))
        shown += columns(f"(accuracy_{at:g}) (steps_{at:g}) (events_{at:g})")
    rows, parts = [], []
    for pair in [(dataset, name) for dataset in results.datasets for name in results.compared()]:
        row = results.cell(*pair)
        # Even the first step's answer needs all frames.
        if not row["causal"]:
            continue
        row |= {f"ece_{t}": 100 * error(calibration(results, *pair, t)) for t in (1, -1)}
        found = exits(results, *pair)  # whose first columns these are
        for at, accuracy, steps, events in found.iloc[:, :4].itertuples(index=False):
            row |= {f"accuracy_{at:g}": accuracy, f"steps_{at:g}": steps, f"events_{at:g}": events}
            row[f"text_{at:g}"] = f"{accuracy:.2f} ({steps:.2f}; {events:.0f} %)"
        rows.append({**row, "group": row["dataset"]})
        low, high = wilson(found["accuracy"] / 100, row["n_test"])
        keys = {key: row[key] for key in ("dataset", "recipe", "steps", "seeds")}
        parts.append(found.assign(wilson_low=100 * low, wilson_high=100 * high, **keys))
    if not rows:
        return None
    report = results.settings.report
    lines = [
        *notes.say("early_exit", rule=rule(report), bins=BINS),
        *notes.seeds(results, "exit_"),
        *notes.recordings(results),
    ]
    lists = {"by_threshold": Table(columns(LONG), pd.concat(parts))}
    return Table(shown, pd.DataFrame(rows), lines, lists, f"Rule: {report.exit_rule.kind}.")
