"""The settings that made a report, as YAML to be read beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from pipeline.config import Params


def settings(params: Params) -> dict[str, str]:
    """Give the settings that made the grid, as YAML by title: recipes are complete, others are those it uses."""
    grid = params.grid
    recipes = dict.fromkeys([*grid.baselines, *grid.whole, *grid.recipes, *grid.sweep_recipes])
    networks = dict.fromkeys(params.dataset(name).network for name in grid.datasets)
    return {
        "Grid": _lines("grid", grid.model_dump()),
        "Recipes": _lines("recipes", {name: params.recipe(name).model_dump() for name in recipes}),
        "ANNs": _lines("anns", {name: params.ann(name).model_dump() for name in grid.anns}),
        "Networks": _lines("networks", {name: params.networks[name].model_dump() for name in networks}),
        **{f"Data set {name}": _yaml({name: params.dataset(name).model_dump()}) for name in grid.datasets},
    }


def _yaml(content: Mapping[str, Any], flow: bool | None = None) -> str:
    return yaml.safe_dump(
        dict(content), sort_keys=False, allow_unicode=True, default_flow_style=flow, width=10_000 if flow else 100
    )


def _lines(key: str, group: Mapping[str, Any]) -> str:
    """Give a group with one entry a line, as params.yaml is written."""
    entries = (_yaml({name: value}, flow=True).strip()[1:-1] for name, value in group.items())
    return "".join([f"{key}:\n", *(f"  {entry}\n" for entry in entries)])
