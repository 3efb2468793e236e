"""Early exits of a recipe by the rule report.exit_rule at each threshold of report.exit_at, from its kept logits."""

import numpy as np
import pandas as pd

from pipeline.config.report import Report
from pipeline.evaluation.exits import confidence, exit_steps, running_mean
from pipeline.pieces import module_of
from pipeline.report import statistics
from pipeline.report.results import Results
from pipeline.results.read import read_arrays

RULES = "evaluation.exits"


def rule(report: Report) -> str:
    """Return the rule in words: its kind, then what its file says of it."""
    kind, words = report.exit_rule.kind, module_of(RULES, report.exit_rule).__doc__ or ""
    return f"Rule {kind}, of the mean of the logits so far: {words[:1].lower()}{' '.join(words.split())[1:]}"


def exits(results: Results, dataset: str, recipe: str) -> pd.DataFrame:
    """Return a row a threshold: accuracy (%), mean_steps used, events (mean share that had come, %), mean over seeds.

    And sample standard deviations sd and mean_steps_sd. FileError where a run lacks its logits.
    """
    report, parts = results.settings.report, []
    sureness = module_of(RULES, report.exit_rule).sureness
    for folder in results.folders(dataset, recipe):
        kept = read_arrays(folder)
        running = running_mean(kept.logits)
        first = exit_steps(sureness(running), report.exit_at)
        right = running.argmax(axis=-1) == kept.label
        accuracy, events = (100 * np.take_along_axis(of, first, axis=0).mean(axis=1) for of in (right, kept.share))
        steps = (first + 1).mean(axis=1)
        found = {"threshold": report.exit_at, "accuracy": accuracy, "mean_steps": steps, "events": events}
        parts.append(pd.DataFrame(found))
    grouped = pd.concat(parts).groupby("threshold", sort=False)
    sd = grouped.std(ddof=1)
    return grouped.mean().assign(sd=sd["accuracy"], mean_steps_sd=sd["mean_steps"]).reset_index()


def calibration(results: Results, dataset: str, recipe: str, t: int = -1) -> pd.DataFrame:
    """Return `statistics.calibration` after t steps (-1: all), the answers of all seeds together.

    Sure: the largest softmax of the mean logits so far.
    """
    sure, right = [], []
    for folder in results.folders(dataset, recipe):
        kept = read_arrays(folder)
        running = running_mean(kept.logits)[t - 1 if t > 0 else t]
        sure.append(confidence.sureness(running))
        right.append(running.argmax(axis=-1) == kept.label)
    return statistics.calibration(np.concatenate(sure), np.concatenate(right))
