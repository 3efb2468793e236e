"""The paper's own figures, which stand in paper.json as data, found by what a recipe is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib import resources
from typing import Any

from pipeline.config import Recipe
from pipeline.config.names import unknown_name
from pipeline.report import cited
from pipeline.report.kinds import Kind, kind_of

KIND = tuple(field.name for field in fields(Kind))


def figure(table: str, recipe: Recipe, steps: int, column: str | None, levels: int | None = None) -> float | None:
    """Give the paper's accuracy (%) for a recipe; None where the table has no such row or `column` is None.

    Args:
        table: table1 to table5.
        recipe: compared by what it is (init, loss, neuron, training, frames, taps, attention), not by name or weight.
        steps: time steps; another number than the paper's is another experiment.
        column: datasets.<name>.paper.
        levels: L, for table3.

    Raises:
        ConfigError: `column` is no column of the paper's tables.
    """
    if column is None:
        return None
    _check(column)
    content = _content()
    for entry in content[table]:
        if _kind(entry) != kind_of(recipe) or entry.get("levels") != (levels if table == "table3" else None):
            continue
        if table == "table1":
            found = [item for item in cited.own(column) if (item.method, item.steps) == (entry["method"], str(steps))]
            return float(found[0].accuracy) if found and found[0].whole else None
        return float(entry[column]) if column in entry and steps == content["steps"][column] else None
    return None


def notes(table: str, column: str | None) -> list[str]:
    """List what a reader of the paper's column must know (`table`: table1 to table5)."""
    if column is None:
        return []
    _check(column)
    content = _content()
    count = content["test_recordings"][column]
    if table == "table1":
        printed = [float(item.accuracy) for item in cited.own(column) if item.whole]
    else:
        printed = [float(entry[column]) for entry in content[table] if column in entry]
    odd = [value for value in dict.fromkeys(printed) if not attainable(value, count)]
    lines = list(content["notes"][table][column])
    if odd:
        listed = ", ".join(f"{value:.2f}" for value in odd)
        lines.append(
            f"Printed in the paper's Table {table.removeprefix('table')}, but no number of right answers among "
            f"{count:,} test recordings gives it: {listed}. Averages of runs could, which the paper does not say."
        )
    return lines


def attainable(percent: float, count: int) -> bool:
    """Say whether a share of `count` recordings is `percent` to two decimals, rounded or cut."""
    hundredths = round(100 * percent)
    near = range(max(0, int(percent * count / 100) - 1), min(count, int(percent * count / 100) + 2) + 1)
    return any(hundredths in (10_000 * right // count, (20_000 * right + count) // (2 * count)) for right in near)


@cache
def _content() -> dict[str, Any]:
    file = resources.files(__package__) / "paper.json"
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _kind(entry: Mapping[str, Any]) -> Kind:
    return Kind(**{name: entry[name] for name in KIND if name in entry})


def _check(column: str) -> None:
    known = _content()["steps"]
    if column not in known:
        raise unknown_name("paper", column, known)
