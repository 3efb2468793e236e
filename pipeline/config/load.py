"""Read params.yaml and refuse what cannot be run, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipeline.config.explain import explain
from pipeline.config.names import nearest
from pipeline.config.networks import MAP_ACTIVATIONS, SMALLEST_FRAME
from pipeline.config.recipe import DISTILLING, Recipe, complete
from pipeline.config.schema import Grid, Params, Report
from pipeline.errors import ConfigError

# Runs that are no recipe's.
TAKEN = ("ann", "converted")
# What kind of recipe each list of a grid takes.
KINDS = {"baselines": "alone", "whole": "whole", "recipes": "ann", "sweep_recipes": "ann"}
MEANING = {
    "alone": "that need no ANN (init: random, loss: ce or tet, taps: [])",
    "ann": f"that need an ANN (init: converted, loss: {' or '.join(DISTILLING)}, or taps)",
    "whole": "that see whole recordings (frames: whole)",
}


def load(path: str | Path = "params.yaml") -> Params:
    """Read and check the settings.

    Raises:
        ConfigError: the file is missing or not YAML, a key is unknown (the nearest valid key is named), missing or
            of another type, a name refers to nothing, or the settings cannot be run together.
    """
    path = Path(path)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: not found; run from the repository's root") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {error}") from error
    return parse(document, source=str(path))


def parse(document: Any, source: str = "params.yaml") -> Params:
    """Check settings that are already in memory; same rules and errors as `load`."""
    if not isinstance(document, dict):
        raise ConfigError(f"{source}: expected groups of keys, found {type(document).__name__}")
    try:
        params = Params.model_validate(_gather_grids(document))
    except ValidationError as error:
        raise ConfigError("\n".join(f"{source}: {line}" for line in explain(error, document))) from error
    for name, grid in {"grid": params.grid, **params.grids}.items():
        _check_names(params, name, grid)
    for name in sorted(params.datasets):
        network, side = params.network_of(name), min(params.dataset(name).integrate.frame_size)
        if side < SMALLEST_FRAME[network.family]:
            raise ConfigError(
                f"{source}: datasets.{name}.integrate.frame_size: {network.family} needs at least "
                f"{SMALLEST_FRAME[network.family]} px a side, found {side}"
            )
    for name in TAKEN:
        if name in params.recipes:
            raise ConfigError(
                f"{source}: recipes.{name}: the name is taken, results/.../{name}-<seed> is another run's"
            )
    runs = [*TAKEN, *params.recipes]
    for key, names in _reported(params.report).items():
        for name in names:
            if name not in runs:
                raise ConfigError(f"{source}: report.{key}: no run {name!r}; {nearest(name, runs)}")
    for name in params.report.titles:
        # A method, which several recipes share, may have a title too: tcja of tcja-5.
        if not any(known == name or known.startswith(f"{name}-") for known in params.recipes):
            raise ConfigError(f"{source}: report.titles: no recipe {name!r}; {nearest(name, params.recipes)}")
    return params


def _reported(report: Report) -> dict[str, list[str]]:
    """List the runs that each part of the report shows."""
    lists = ("headline", "table1", "table2", "table4", "table5")
    series = {f"figure2.{title}": names for title, names in report.figure2.items()}
    return {**{key: getattr(report, key) for key in lists}, **series, "figure4.runs": report.figure4.runs}


def _kind(recipe: Recipe) -> str:
    if recipe.frames == "whole":
        return "whole"
    return "ann" if recipe.needs_ann else "alone"


def _check_steps(params: Params, where: str, dataset: str, name: str) -> None:
    settings, recipe, steps = params.dataset(dataset), params.recipe(name), params.steps_of(dataset, name)
    room = settings.integrate.steps - settings.phases.offset - settings.phases.t1
    if recipe.frames == "whole" and steps not in settings.whole:
        raise ConfigError(
            f"params.yaml: {where}: recipe {name!r} sees whole recordings in {steps} frames; datasets.{dataset}.whole "
            f"has {settings.whole}; add {steps} to it"
        )
    if recipe.frames == "phase2" and steps > room:
        raise ConfigError(
            f"params.yaml: recipes.{name}.steps: {steps} frames after phase 1, datasets.{dataset} leaves {room} of its "
            f"integrate.steps {settings.integrate.steps}"
        )


def _check_layers(params: Params, dataset: str, name: str) -> None:
    recipe, settings = params.recipe(name), params.dataset(dataset)
    network = params.network_of(dataset)
    places = {f"recipes.{name}.taps": recipe.taps}
    if recipe.attention is not None:
        places[f"networks.{settings.network}.attention"] = network.attention
        if not network.attention:
            raise ConfigError(
                f"params.yaml: networks.{settings.network}.attention: recipe {name!r} has attention, the network names "
                "no layer behind which it goes"
            )
    known = [f"act{number}" for number in range(1, MAP_ACTIVATIONS[network.family] + 1)]
    for key, layers in places.items():
        for layer in layers:
            if layer not in known:
                raise ConfigError(
                    f"params.yaml: {key}: {settings.network}, the network of {dataset}, has no map activation "
                    f"{layer!r}; it has {known[0]} to {known[-1]}"
                )


def _gather_grids(document: dict[str, Any]) -> dict[str, Any]:
    groups = {key: value for key, value in document.items() if key in Params.model_fields and key != "grids"}
    others = {key: value for key, value in document.items() if key not in groups}
    grids = {key: value for key, value in others.items() if isinstance(value, dict) and _looks_like_grid(value)}
    unknown = {key: value for key, value in others.items() if key not in grids}
    if "recipes" in groups:
        groups["recipes"] = complete(groups["recipes"], groups.get("recipe_defaults"))
    return {**groups, "grids": grids, **unknown}


def _looks_like_grid(value: dict[str, Any]) -> bool:
    return len(set(value) & set(Grid.model_fields)) > len(Grid.model_fields) // 2


def _check_names(params: Params, where: str, grid: Grid) -> None:
    for key, known in (
        ("datasets", params.datasets),
        ("simulated", params.datasets),
        ("anns", params.anns),
        ("baselines", params.recipes),
        ("whole", params.recipes),
        ("recipes", params.recipes),
        ("sweep_recipes", params.recipes),
    ):
        for name in getattr(grid, key):
            if name not in known:
                elsewhere = {"simulated": "datasets", "baselines": "recipes", "whole": "recipes"}
                group = elsewhere.get(key, key.removeprefix("sweep_"))
                raise ConfigError(f"params.yaml: {where}.{key}: {group} has no entry {name!r}; {nearest(name, known)}")
    for key, kind in KINDS.items():
        for name in getattr(grid, key):
            found = _kind(params.recipe(name))
            if found != kind:
                raise ConfigError(
                    f"params.yaml: {where}.{key} takes recipes {MEANING[kind]}; {name!r} is of those {MEANING[found]}"
                )
    for dataset in grid.datasets:
        for ann in grid.anns:
            params.levels(dataset, ann)
        for name in (*grid.baselines, *grid.recipes, *grid.sweep_recipes, *grid.whole):
            _check_steps(params, where, dataset, name)
            _check_layers(params, dataset, name)
    for name in grid.simulated:
        if params.dataset(name).recordings is None:
            raise ConfigError(
                f"params.yaml: {where}.simulated: datasets.{name}.recordings is null, so nothing to simulate"
            )
