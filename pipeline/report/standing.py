"""Every method of a grid after its first steps, like for like, to be set against one another."""

from functools import lru_cache
from typing import Any

import pandas as pd

from pipeline.report import paired, statistics
from pipeline.report.results import ANN, CONVERTED, Results


@lru_cache(maxsize=64)
def standing(results: Results, dataset: str) -> pd.DataFrame:
    """Return a row for each method and number of steps t after which it answers, of those that learn as all do.

    compared: as report.comparisons would name it; title, seen, method and all else of `Results.cells`, but accuracy and
    wilson_low, wilson_high (%) after t steps; kept: whether its answers there are kept one by one. A method stands at
    1 and T2 steps, or where it has neither, at its fewest; frames grouped into T2 count as T2.
    """
    rows = {compared: results.found(dataset, compared) for compared in _names(results)}
    found = pd.DataFrame([{**row, "compared": name} for name, row in rows.items() if row and not row["own_schedule"]])
    t2 = results.facts(dataset).t2
    grouped = [set(_by_step(results, dataset, row)["of"]) for row in found.to_dict("records")]
    found["of"] = [t2 if t2 in of else steps for of, steps in zip(grouped, found["steps"], strict=True)]
    # Of one method, at its own T and others: those at 1 and T2 if there are any, else the fewest.
    usual = found["of"].isin([1, t2])
    fewest = found["of"] == found.groupby("method")["of"].transform("min")
    found = found[usual | (fewest & ~usual.groupby(found["method"]).transform("any"))]
    parts = []
    for row in found.to_dict("records"):
        steps = _by_step(results, dataset, row)
        means = steps[steps["of"] == row["of"]].groupby("t")["accuracy"].mean()
        for t, share in means.items() if row["causal"] else [*means.items()][-1:]:
            low, high = statistics.wilson(share, row["n_test"])
            title = row["title"] if row["of"] == row["steps"] else f"{row['base']}, grouped into {row['of']}"
            numbers = {"title": title, "accuracy": 100 * share, "wilson_low": 100 * low, "wilson_high": 100 * high}
            parts.append({**row, **numbers, "t": t, "kept": row["of"] == row["steps"]})
    return pd.DataFrame(parts)


def best(results: Results, dataset: str, t: int) -> dict[str, Any]:
    """Return title, accuracy and interval (%) of the most accurate spiking method after t steps; nothing if none is.

    level: how many of the others a paired test, corrected for their number, does not tell from it, as text.
    """
    found = standing(results, dataset)
    first, *others = found[(found["t"] == t) & (found["kind"] == "snn")].sort_values(
        "accuracy", ascending=False, kind="stable"
    ).to_dict("records") or [{}]
    names = [row["compared"] for row in others if row["kept"] and first["kept"]]
    p = [statistics.paired_test(paired.change(results, dataset, name, first["compared"], t))[0] for name in names]
    level = f"{(statistics.holm(p) >= statistics.LEVEL).sum()} of {len(names)}" if names else None
    keys = ("title", "accuracy", "wilson_low", "wilson_high")
    return {**{key: first.get(key) for key in keys}, "level": level}


def _names(results: Results) -> list[str]:
    """List all methods: recipes with the grid's first ANN, then those of grid.more with each of more_anns."""
    grid = results.settings.grid
    first = [name for name in results.every() if grid.ann_of(name) not in grid.more_anns]
    return [ANN, CONVERTED, *first, *(f"{name}@{ann}" for name in grid.more for ann in grid.more_anns)]


def _by_step(results: Results, dataset: str, row: dict[str, Any]) -> pd.DataFrame:
    # Where it has no ANN, pandas may say nan.
    return results.grouped(dataset, row["recipe"], row["ann"] if isinstance(row["ann"], str) else None)
