"""Read params.yaml and refuse what cannot be run, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pipeline.config.names import nearest, unknown_name
from pipeline.config.schema import Grid, Params
from pipeline.errors import ConfigError


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
        raise ConfigError("\n".join(f"{source}: {line}" for line in _explain(error, document))) from error
    for name, grid in {"grid": params.grid, **params.grids}.items():
        _check_names(params, name, grid)
    for name in sorted(params.datasets):
        params.network_of(name)
    return params


def _gather_grids(document: dict[str, Any]) -> dict[str, Any]:
    groups = {key: value for key, value in document.items() if key in Params.model_fields and key != "grids"}
    others = {key: value for key, value in document.items() if key not in groups}
    grids = {key: value for key, value in others.items() if isinstance(value, dict) and _looks_like_grid(value)}
    unknown = {key: value for key, value in others.items() if key not in grids}
    return {**groups, "grids": grids, **unknown}


def _looks_like_grid(value: dict[str, Any]) -> bool:
    return len(set(value) & set(Grid.model_fields)) > len(Grid.model_fields) // 2


def _check_names(params: Params, where: str, grid: Grid) -> None:
    for key, known in (
        ("datasets", params.datasets),
        ("simulated", params.datasets),
        ("anns", params.anns),
        ("baselines", params.recipes),
        ("recipes", params.recipes),
        ("sweep_recipes", params.recipes),
    ):
        for name in getattr(grid, key):
            if name not in known:
                group = {"simulated": "datasets", "baselines": "recipes"}.get(key, key.removeprefix("sweep_"))
                raise ConfigError(f"{where}.{key}: " + str(unknown_name(group, name, known)))
    for key, needed in (("baselines", False), ("recipes", True), ("sweep_recipes", True)):
        for name in getattr(grid, key):
            if params.recipe(name).needs_ann != needed:
                kind = "no ANN (init: random, loss: ce)" if not needed else "an ANN (init: converted or loss: kd, skd)"
                raise ConfigError(
                    f"params.yaml: {where}.{key} takes recipes that need {kind}; {name!r} is another kind"
                )
    for name in grid.simulated:
        if params.dataset(name).recordings is None:
            raise ConfigError(
                f"params.yaml: {where}.simulated: datasets.{name}.recordings is null, so nothing to simulate"
            )


def _explain(error: ValidationError, document: dict[str, Any]) -> list[str]:
    lines = []
    for item in error.errors():
        location = [str(part) for part in item["loc"]]
        if location and location[0] == "grids":
            location = location[1:]
        path = ".".join(location) or "(top level)"
        lines.append(f"{path}: {_problem(item, location, document)}")
    return lines


def _problem(item: Any, location: list[str], document: dict[str, Any]) -> str:
    kind, value = item["type"], item["input"]
    if kind == "extra_forbidden":
        return f"unknown key; {nearest(location[-1], _fields_at(location[:-1]))}"
    if kind == "missing":
        written = _value_at(document, location[:-1])
        wanted = set(_fields_at(location[:-1]))
        strays = [key for key in written if key not in wanted] if isinstance(written, dict) else []
        return "missing key" + (f"; is it {strays[0]!r} that is meant?" if len(strays) == 1 else "")
    message = item["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if kind == "value_error":
        return message
    hint = ""
    if kind == "float_type" and isinstance(value, str) and _is_number(value):
        hint = f"; YAML reads {value} as text, write {float(value)!r}"
    return f"{message}, found {value!r}{hint}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _value_at(document: Any, location: list[str]) -> Any:
    for part in location:
        if not isinstance(document, dict) or part not in document:
            return None
        document = document[part]
    return document


def _fields_at(location: list[str]) -> list[str]:
    """Name the keys that the schema allows at a place."""
    model: Any = Params
    for depth, part in enumerate(location):
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(part)
            if field is None:
                # A named grid at the top level.
                model = Grid if depth == 0 else None
                continue
            model = field.annotation
            args = [a for a in getattr(model, "__args__", ()) if a is not type(None)]
            origin = getattr(model, "__origin__", None)
            if origin is dict:
                model = {"entry": args[1]}
            elif args and not (isinstance(model, type) and issubclass(model, BaseModel)):
                model = args[0]
        elif isinstance(model, dict):
            model = model["entry"]
    if isinstance(model, type) and issubclass(model, BaseModel):
        return sorted(key for key in model.model_fields if key != "grids")
    return []
