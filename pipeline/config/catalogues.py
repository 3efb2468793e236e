"""params.yaml and the catalogues of params/ as checked objects; what cannot be run is refused before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from operator import attrgetter
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from pipeline.config.ann import Ann
from pipeline.config.base import Name
from pipeline.config.dataset import Dataset, Schedules
from pipeline.config.explain import explain
from pipeline.config.grid import Grid
from pipeline.config.merge import DEFAULTS, chain, complete, writer
from pipeline.config.names import nearest
from pipeline.config.recipe import Recipe, split_reference
from pipeline.config.report import Report
from pipeline.config.training import Schedule
from pipeline.errors import ConfigError
from pipeline.pieces import checked

PARAMS = "params.yaml"
FOLDER = "params"
GRID = "grid"
# Runs that are no recipe's.
TAKEN = ("ann", "converted")
CATALOGUES: dict[str, type[BaseModel]] = {"schedules": Schedule, "anns": Ann, "datasets": Dataset, "recipes": Recipe}
# Keys of a catalogue's entries that name an entry of another.
OWN = {"network": "networks", "schedule": "schedules"}
NAMING = {
    "datasets": {"network": "networks", **{f"schedules.{use}": "schedules" for use in Schedules.model_fields}},
    "anns": OWN,
    "recipes": OWN,
}


class Params(BaseModel):
    """All settings: the grid to run, the named grids, and the catalogues with their entries complete."""

    model_config = ConfigDict(frozen=True)

    grid: Grid
    grids: dict[str, Grid]
    schedules: dict[str, Schedule]
    networks: dict[str, Any]
    anns: dict[str, Ann]
    datasets: dict[str, Dataset]
    recipes: dict[str, Recipe]
    report: Report

    def dataset(self, name: str) -> Dataset:
        return self._entry("datasets", name)

    def ann(self, name: str) -> Ann:
        return self._entry("anns", name)

    def schedule(self, name: str) -> Schedule:
        return self._entry("schedules", name)

    def network(self, name: str) -> Any:
        return self._entry("networks", name)

    def recipe(self, reference: str, dataset: str | None = None) -> Recipe:
        """Return a recipe as it is on a data set, at another T where the reference says so (hsd.t3)."""
        name, steps = split_reference(reference)
        recipe: Recipe = self._entry("recipes", name)
        recipe = recipe.per_dataset.get(dataset or "", recipe)
        return recipe if steps is None else recipe.model_copy(update={"steps": steps})

    def _entry(self, catalogue: str, name: str) -> Any:
        entries = getattr(self, catalogue)
        if name not in entries:
            raise ConfigError(f"{FOLDER}/{catalogue}.yaml: no entry {name!r}; {nearest(name, entries)}")
        return entries[name]


def load(root: str | Path = ".") -> Params:
    """Read and check params.yaml and params/ below a folder.

    Raises:
        ConfigError: a file is missing or not YAML, a key is unknown (the nearest valid key is named), missing or of
            another type, or a name refers to nothing.
    """
    root = Path(root)
    documents = {GRID: read_yaml(root / PARAMS)}
    for name in (*CATALOGUES, "networks", "report"):
        documents[name] = read_yaml(root / FOLDER / f"{name}.yaml")
    return parse(documents)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds groups of keys; ConfigError where it is missing or something else."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: not found; run from the repository's root") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected groups of keys, found {type(document).__name__}")
    return document


def parse(documents: dict[str, dict[str, Any]]) -> Params:
    """Check settings that are already in memory, by the name of their file (`grid`: params.yaml); errors as `load`."""
    problems: list[str] = []
    parts: dict[str, Any] = {}
    for name, model in CATALOGUES.items():
        parts[name] = _catalogue(documents[name], f"{FOLDER}/{name}.yaml", model, problems)
    parts["networks"] = _networks(documents["networks"], problems)
    parts["report"] = _group(documents["report"], Report, f"{FOLDER}/report.yaml", problems)
    grids = {name: _group(entry, Grid, f"{PARAMS}: {name}", problems) for name, entry in documents[GRID].items()}
    if GRID not in grids:
        problems.append(f"{PARAMS}: missing key 'grid'")
    problems += [
        f"{FOLDER}/recipes.yaml: {name}: the name is taken, results/.../{name}-<seed> is another run's"
        for name in TAKEN
        if name in documents["recipes"]
    ]
    problems += [
        f"{FOLDER}/recipes.yaml: {name}.per_dataset: {FOLDER}/datasets.yaml has no entry {dataset!r}; "
        f"{nearest(dataset, parts['datasets'])}"
        for name, recipe in parts["recipes"].items()
        for dataset in recipe.per_dataset
        if dataset not in documents["datasets"]
    ]
    problems += _lost(parts, documents)
    if parts["report"] is not None:
        problems += _strays(parts["report"], documents["recipes"])
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    grid = grids.pop(GRID)
    return Params.model_construct(grid=grid, grids=grids, **parts)


def _catalogue(document: dict[str, Any], source: str, model: type[BaseModel], problems: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wrong: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    try:
        entries = complete(document, source)
    except ConfigError as error:
        problems.append(str(error))
        return {}
    for name, entry in entries.items():
        try:
            TypeAdapter(Name).validate_python(name)
        except ValidationError:
            problems.append(f"{source}: {name}: a name is of lower-case letters, digits, - and _, found {name!r}")
        try:
            found[name] = model.model_validate(entry)
        except ValidationError as error:
            wrong[name] = explain(error, model, entry)
    # Told where it is written: the same problem of many entries that grow from one is told once.
    for name, found_wrong in wrong.items():
        for path, problem in found_wrong:
            grown = chain(name, document, source)
            if path and any((path, problem) in wrong.get(other, ()) for other in grown[1:]):
                continue
            # What is wrong everywhere is not told of each data set, too.
            if path[:1] == ("per_dataset",) and any(told == problem for place, told in found_wrong if place != path):
                continue
            others = [other for other in grown if ((), problem) in wrong.get(other, ())]
            place = writer(path, name, document, source) if path else others[-1]
            problems.append(f"{source}: {'.'.join((place, *path))}: {problem}")
    return found


def _networks(document: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    found = {}
    for name, entry in document.items():
        try:
            found[name] = checked("nets.models", entry)
        except ValueError as error:
            problems.append(f"{FOLDER}/networks.yaml: {name}: {error}")
    return found


def _lost(parts: dict[str, Any], documents: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield a problem for each name in a catalogue that is no entry of the other that it means."""
    for catalogue, keys in NAMING.items():
        source = f"{FOLDER}/{catalogue}.yaml"
        for (name, entry), (key, other) in product(parts[catalogue].items(), keys.items()):
            wanted = attrgetter(key)(entry)
            if wanted is not None and wanted not in documents[other]:
                place = writer(tuple(key.split(".")), name, documents[catalogue], source)
                told = f"{FOLDER}/{other}.yaml has no entry {wanted!r}; {nearest(wanted, documents[other])}"
                yield f"{source}: {place}.{key}: {told}"


def _strays(report: Report, recipes: Iterable[str]) -> Iterator[str]:
    """Yield a problem for each name of the report that no run can have."""
    known = [name for name in recipes if name != DEFAULTS]
    runs = {"headline": report.headline, "methods": report.methods, "figure4.recipes": report.figure4.recipes}
    runs |= {f"figure2.{part}": names for part, names in report.figure2}
    runs |= {table: getattr(report, table) for table in type(report).model_fields if table.startswith("table")}
    runs["few_steps"] = report.few_steps
    runs["comparisons"] = [name.partition("@")[0] for pair in report.comparisons for name in pair]
    places = {"headline": TAKEN, "table1": TAKEN[1:], "figure2.dts": TAKEN[1:], "comparisons": TAKEN}
    for key, names in runs.items():
        allowed = [*places.get(key, ()), *known]
        for reference in names:
            if split_reference(reference)[0] not in allowed:
                yield f"{FOLDER}/report.yaml: {key}: no run {reference!r}; {nearest(reference, allowed)}"


def _group(document: Any, model: type[BaseModel], source: str, problems: list[str]) -> Any:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        separator = "." if ": " in source else ": "
        for path, problem in explain(error, model, document):
            problems.append(f"{source}{separator if path else ': '}{'.'.join(path)}{': ' if path else ''}{problem}")
    return None
