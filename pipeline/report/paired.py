"""Methods on the same test recordings, compared recording by recording; seeds are pairs."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from pipeline.errors import FileError
from pipeline.evaluation.exits import running_mean
from pipeline.report import statistics
from pipeline.report.escape import MINUS
from pipeline.report.results import ANN, Results
from pipeline.report.statistics import LEVEL, POWER
from pipeline.results.read import read_arrays

ABOVE, BELOW, OPEN = "above", "below", "not told apart"


@lru_cache(maxsize=1)
def comparisons(results: Results) -> pd.DataFrame:
    """Return a row for each data set, pair of report.comparisons that ran there, and T; empty where there is none.

    before, after, change: the two as they are named, and as text; steps: after which both answer, 1 and the largest
    that both have; difference (of accuracy, points, mean over seeds) with bootstrap_low and bootstrap_high, sd over
    seeds and error; higher: seeds that gain; gained, lost: recordings that only the second, only the first answers
    right, mean over seeds; p, and p_holm, corrected for all rows; verdict: whether the second is above, below, or not
    told apart by it; alone, corrected: smallest difference that would be found, by itself and before all others.
    FileError: a file is missing or damaged, or two runs do not have the same test recordings in the same order.
    """
    rows = [
        _compare(results, dataset, before, after, t)
        for dataset in results.datasets
        for before, after in results.settings.report.comparisons
        for t in _common(results, dataset, before, after)
    ]
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    frame["p_holm"] = statistics.holm(frame["p"])
    frame["p_text"] = ["<0.001" if p < 0.001 else f"{p:.3f}" for p in frame["p_holm"]]
    frame["verdict"] = np.select([frame["p_holm"] >= LEVEL, frame["difference"] > 0], [OPEN, ABOVE], BELOW)
    for name, level in (("alone", LEVEL), ("corrected", LEVEL / len(frame))):
        pairs = zip(frame["error"] / 100, frame["degrees"], strict=True)
        frame[name] = [100 * statistics.smallest_difference(*pair, level, POWER) for pair in pairs]
    return frame


def among(results: Results, recipes: Collection[str]) -> list[dict[str, Any]]:
    """Return the comparisons of recipes with one another, after all steps."""
    found = comparisons(results)
    if found.empty:
        return []
    last = found["steps"] == found.groupby(["dataset", "before", "after"])["steps"].transform("max")
    kept = found[last & found["before"].isin(recipes) & found["after"].isin(recipes)]
    return [{str(key): value for key, value in row.items()} for row in kept.to_dict("records")]


def change(results: Results, dataset: str, before: str, after: str, t: int) -> statistics.Change:
    """Return what changes after t steps from one method to another: [seeds, recordings], see statistics.Change."""
    old, new = (_right(results, dataset, name)[:, t - 1] for name in (before, after))
    return new.astype(np.float64) - old


@lru_cache(maxsize=512)
def _right(results: Results, dataset: str, compared: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return whether a method is right after each step: [seeds, T, recordings]."""
    recipe, _, ann = compared.partition("@")
    asked = read_arrays(results.folders(dataset, ANN)[0]).label
    right = []
    for folder in results.folders(dataset, recipe, ann or None):
        kept = read_arrays(folder)
        if not np.array_equal(kept.label, asked):
            problem = f"its labels are not those of the ANN's {ANN}-*: not the same test set; run `dvc repro`"
            raise FileError(folder / "logits.npz", problem)
        right.append(running_mean(kept.logits).argmax(axis=-1) == kept.label)
    return np.stack(right)


def _common(results: Results, dataset: str, *pair: str) -> list[int]:
    """List the steps after which both answer: 1, if their first answers need no later frame, and the last."""
    cells = [results.found(dataset, name) for name in pair]
    if None in cells:
        return []
    last = min(cell["steps"] for cell in cells if cell)
    return [t for t in sorted({1, last}) if all(cell["causal"] or cell["steps"] == t for cell in cells if cell)]


def _compare(results: Results, dataset: str, before: str, after: str, t: int) -> dict[str, Any]:
    found = change(results, dataset, before, after, t)
    by_seed = 100 * found.mean(axis=1)
    low, high = (100 * end for end in statistics.paired_interval(found))
    p, error, degrees = statistics.paired_test(found)
    titles = [(results.found(dataset, name) or {})["title"] for name in (before, after)]
    return {
        "dataset": dataset, "group": dataset, "before": before, "after": after, "change": " → ".join(titles),
        "before_title": titles[0], "after_title": titles[1], "steps": t, "seeds": len(found), "n_test": found.shape[1],
        "difference": by_seed.mean(), "bootstrap_low": low, "bootstrap_high": high,
        "signed": signed(by_seed.mean()), "bootstrap_text": f"{signed(low)} to {signed(high)}",
        "seeds_sd": by_seed.std(ddof=1) if len(found) > 1 else np.nan, "error": 100 * error, "degrees": degrees,
        "higher": int((by_seed > 0).sum()), "gained": (found > 0).sum() / len(found),
        "lost": (found < 0).sum() / len(found), "p": p,
    }  # fmt: skip


def signed(points: float) -> str:
    """Return a difference with its sign, two decimals."""
    return "±0.00" if round(points, 2) == 0 else f"{'+' if points > 0 else MINUS}{abs(points):.2f}"
