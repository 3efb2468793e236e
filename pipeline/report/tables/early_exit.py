"""Early exit: accuracy against mean time steps, where a recording is answered once the network is sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.config import Params
from pipeline.report import rows
from pipeline.report.exits import exit_curve, exit_steps
from pipeline.report.results import Results
from pipeline.report.statistics import deviation, mean, wilson
from pipeline.report.tables import cells, notes
from pipeline.report.tables.render import Column, Row, Table, Value


@dataclass(frozen=True)
class Exit:
    """A recipe at one confidence: accuracy, mean steps used and mean share of events that had come, of each seed."""

    threshold: float
    accuracies: list[float]
    steps: list[float]
    shares: list[float]


def exits(results: Results, params: Params, dataset: str, name: str) -> list[Exit]:
    """Take early exits of a recipe at each confidence of report.exit_at; FileError where a run lacks its logits."""
    at = params.report.exit_at
    curves: list[tuple[npt.NDArray[np.float64], ...]] = []
    for run in results.cell(dataset, results.grid.ann, name).runs:
        kept = run.arrays()
        come = np.take_along_axis(kept.share, exit_steps(kept.logits, at), axis=0).mean(axis=1)
        curves.append((*exit_curve(kept.logits, kept.label, at), come))
    return [
        Exit(threshold, *([float(curve[part][k]) for curve in curves] for part in range(3)))
        for k, threshold in enumerate(at)
    ]


def exiting(results: Results, params: Params) -> list[str]:
    """List the rows: recipes of Tables 2, 4, 5 and 1 that can answer before their last step.

    With attention over time even the first step's answer needs all frames.
    """
    return [name for name in rows.compared(results, params) if params.recipe(name).attention is None]


def early_exit(results: Results, params: Params) -> Table:
    """Build a row a recipe of Tables 1, 2, 4 and 5, a column a confidence: accuracy (%) and, in brackets, mean steps.

    Raises:
        FileError: a run lacks its logits.
    """
    at = params.report.exit_at
    columns = [*cells.named(), Column("steps", "T"), Column("seeds", "Seeds"), Column("accuracy", "All T (%)")]
    for threshold in at:
        columns += [
            Column(f"text_{threshold:g}", f"≥ {threshold:g}", only="text"),
            Column(f"accuracy_{threshold:g}", "", only="csv"),
            Column(f"steps_{threshold:g}", "", only="csv"),
            Column(f"events_{threshold:g}", "", only="csv"),
        ]
    groups = []
    for dataset in results.grid.datasets:
        group = []
        for name in exiting(results, params):
            cell = results.cell(dataset, results.grid.ann, name)
            values: dict[str, Value] = {**cells.name_of(cell, params), **cells.accuracy_of(cell)}
            values["steps"] = params.steps_of(dataset, name)
            for item in exits(results, params, dataset, name):
                accuracy, steps, events = 100 * mean(item.accuracies), mean(item.steps), 100 * mean(item.shares)
                values[f"text_{item.threshold:g}"] = f"{accuracy:.2f} ({steps:.2f}; {events:.0f} %)"
                values[f"events_{item.threshold:g}"] = events
                values[f"accuracy_{item.threshold:g}"], values[f"steps_{item.threshold:g}"] = accuracy, steps
            group.append(Row(values))
        groups.append(group)
    caption = (
        "Early exit: accuracy in percent and, in brackets, the mean number of time steps used and the mean share of a "
        "recording's events that had come by then."
    )
    count = len(results.grid.seeds)
    lines = [
        "A recording is answered at the first step at which the largest softmax probability of the mean of the "
        "logits so far reaches the confidence that heads the column; at the last step, if none does.",
        "All confidences of report.exit_at are shown: none was chosen by the test recordings, and the best of a row is "
        "no result, for choosing it would be.",
        "A softmax probability is not calibrated: one confidence is not equally sure in two recipes. Compare "
        "accuracies at like mean steps for what is computed, at like shares of events for what is waited for: a recipe "
        "on the frames of phase 2 has let those of phase 1 pass before its first step.",
        "Recipes with attention over time are left out: even their first step needs all frames.",
        f"Mean over {count} seeds; early_exit_by_threshold.csv has sd and 95 % interval." if count > 1 else "One seed.",
        *notes.recordings(results),
    ]
    return Table("tab:exit", caption, columns, groups, lines)


def exits_by_threshold(results: Results, params: Params) -> Table:
    """Build the same as long CSV, a row a recipe and confidence, with sd over seeds and Wilson interval; csv alone."""
    headings = [Column(key, "", only="csv") for key in ("dataset", "run", "steps", "seeds", "confidence")]
    columns = [
        *headings,
        Column("accuracy", "", only="csv", spread="sd"),
        Column("wilson", "", interval=True, only="csv"),
        Column("mean_steps", "", only="csv", spread="mean_steps_sd"),
        Column("events", "", only="csv"),
    ]
    found = []
    for dataset in results.grid.datasets:
        for name in exiting(results, params):
            cell = results.cell(dataset, results.grid.ann, name)
            for item in exits(results, params, dataset, name):
                low, high = wilson(mean(item.accuracies) * cell.n_test, cell.n_test)
                spread = deviation(item.accuracies)
                values: dict[str, Value] = {
                    "dataset": dataset,
                    "run": name,
                    "steps": params.steps_of(dataset, name),
                    "seeds": len(item.accuracies),
                    "confidence": item.threshold,
                    "accuracy": 100 * mean(item.accuracies),
                    "sd": None if spread is None else 100 * spread,
                    "wilson": (100 * low, 100 * high),
                    "mean_steps": mean(item.steps),
                    "mean_steps_sd": deviation(item.steps),
                    "events": 100 * mean(item.shares),
                }
                found.append(Row(values))
    return Table("tab:exits", "Early exit by confidence.", columns, [found])
