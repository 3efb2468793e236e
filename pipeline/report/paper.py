"""The paper's own figures, which stand in paper.json as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from pipeline.config import Recipe
from pipeline.config.names import unknown_name

SWITCHES = ("init", "loss", "neuron")


def ablation(recipe: Recipe, column: str | None) -> float | None:
    """Give Table 2's accuracy (%) of a recipe's row; None where the paper has no such row or `column` is None.

    Raises:
        ConfigError: `column` (datasets.<name>.paper) is no column of the paper's tables.
    """
    return _look_up("table2", {key: getattr(recipe, key) for key in SWITCHES}, column)


def quantization(recipe: Recipe, levels: int, column: str | None) -> float | None:
    """Give Table 3's accuracy (%) of HSD at `levels`; None for other recipes, other levels or no column.

    Raises:
        ConfigError: as `ablation`.
    """
    if (recipe.init, recipe.loss, recipe.neuron) != ("converted", "skd", "if"):
        return None
    return _look_up("table3", {"levels": levels}, column)


def notes(table: str, column: str | None) -> list[str]:
    """List what a reader of the paper's column must know (`table`: table2, table3)."""
    if column is None:
        return []
    _check(column)
    return list(_content()["notes"][table][column])


@cache
def _content() -> dict[str, Any]:
    file = resources.files(__package__) / "paper.json"
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _look_up(table: str, row: Mapping[str, object], column: str | None) -> float | None:
    if column is None:
        return None
    _check(column)
    for entry in _content()[table]:
        if all(entry[key] == value for key, value in row.items()):
            return float(entry[column])
    return None


def _check(column: str) -> None:
    known = _content()["notes"]["table2"]
    if column not in known:
        raise unknown_name("paper", column, known)
