"""Latency: what has passed when an answer is given."""

import pandas as pd

from pipeline.report import notes
from pipeline.report.render import Table, columns
from pipeline.report.results import Results

ORDER = 9
KEYS = "dataset (recipe) title seen steps first_events events time_ms time_ms_max"
BY_STEP = "(dataset) (recipe) (seen) (steps) (t) (accuracy) (events) (time_ms) (time_ms_max)"
# Of a recording's events (%): beyond it a recipe is said to wait for all.
ALL = 99.95


def table(results: Results) -> Table | None:
    """Return a row a recipe: T, events (%) and time to the decision (ms); as CSV for an answer after each step too."""
    parts = [_after_each_step(results, dataset, name) for dataset in results.datasets for name in results.every()]
    if not parts:
        return None
    frame = pd.concat([part.iloc[-1:].assign(first_events=part["events"].iloc[0]) for part in parts])
    said = [line for group in frame.groupby("dataset", sort=False) for line in _waiting(*group)]
    by_step = Table(columns(BY_STEP), pd.concat(parts))
    return Table(columns(KEYS), frame.assign(group=frame["dataset"]), notes.say("latency") + said, {"by_step": by_step})


def _after_each_step(results: Results, dataset: str, recipe: str) -> pd.DataFrame:
    """Return a row a step t: accuracy (%), mean over seeds, and what had passed of the first seed, as all saw it."""
    steps, cell = results.by_step(dataset, recipe), results.cell(dataset, recipe)
    first = steps[steps["seed"] == results.settings.grid.seeds[0]].set_index("t")
    percent = {key: 100 * first[key] for key in ("events", "events_sd")}
    percent["accuracy"] = 100 * steps.groupby("t")["accuracy"].mean()
    return first.assign(title=cell["title"], seen=cell["seen"], **percent).reset_index()


def _waiting(dataset: str, rows: pd.DataFrame) -> list[str]:
    waits = rows[rows["events"] >= ALL]["steps"]
    if waits.empty:
        return []
    span = " to ".join(map(str, sorted({waits.min(), waits.max()})))
    return notes.say("waiting", dataset=dataset, waiting=len(waits), recipes=len(rows), span=span)
