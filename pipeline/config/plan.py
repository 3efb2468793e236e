"""The plan of a grid: params.yaml and params/ resolved into one settings file a run, each with a digest of its code."""

from __future__ import annotations

import hashlib
import json
import pkgutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from pipeline.config.catalogues import Params
from pipeline.config.code import code_of
from pipeline.config.planned import Planned
from pipeline.config.recipe import split_reference
from pipeline.config.report import DatasetFacts, ReportSettings, RunEntry
from pipeline.config.resolve import Resolved
from pipeline.config.run import Convert, Identity, TrainAnn
from pipeline.config.selections import SEEN, order_seen, phase_selection
from pipeline.results.paths import NO_ANN

# Packages whose files a stage finds by their names: it uses all of them.
FOUND = {
    "tables": ("pipeline.report.tables",),
    "figures": ("pipeline.report.figures",),
    "page": ("pipeline.report.tables", "pipeline.report.figures"),
}


def plan(params: Params) -> dict[str, Planned]:
    """Return the plan of the grid that params.yaml asks for, by the paths of its files below data/plan/."""
    resolved = Resolved(params, params.grid)
    return {**dict(_of_datasets(resolved)), **dict(_of_runs(resolved)), **_of_report(resolved)}


def run_path(stage: str, run: Identity) -> str:
    """Return where a run's file stands below data/plan/; as its weights below data/models/."""
    return f"{stage}/{run.dataset}/{run.ann or NO_ANN}/{run.recipe}-{run.seed}.json"


def pieces_of(value: Any) -> Iterator[str]:
    """Return the modules of the pieces that settings name by their kind, wherever in them they stand."""
    if isinstance(value, BaseModel):
        if type(value).__name__ == "Options":
            yield type(value).__module__
        for name in type(value).model_fields:
            yield from pieces_of(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from pieces_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from pieces_of(item)


def digest(settings: Any) -> str:
    """Return a short digest of settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _planned(stage: str, settings: BaseModel | dict[str, Any]) -> Planned:
    found = [name for package in FOUND.get(stage, ()) for name in _modules(package)]
    return Planned(stage, to_jsonable_python(settings), code_of(f"stages.{stage}", [*pieces_of(settings), *found]))


def _modules(package: str) -> Iterable[str]:
    return [f"{package}.{module.name}" for module in pkgutil.iter_modules(import_module(package).__path__)]


def _of_datasets(resolved: Resolved) -> Iterator[tuple[str, Planned]]:
    for name in resolved.grid.datasets:
        settings = resolved.params.dataset(name)
        simulated = settings.recordings is not None
        yield f"recordings/{name}.json", _planned("recordings", {"dataset": name, "recordings": settings.recordings})
        integrate = {"dataset": name, "simulated": simulated, "integrate": settings.integrate}
        yield f"integrate/{name}.json", _planned("integrate", {**integrate, "files": resolved.files(name)})
        yield f"select/{name}.json", _planned("select", {"dataset": name, "selections": resolved.selections(name)})


def _of_runs(resolved: Resolved) -> Iterator[tuple[str, Planned]]:
    for stage, runs in (
        ("train_ann", resolved.train_anns()),
        ("convert", resolved.converts()),
        ("train_snn", resolved.train_snns()),
    ):
        for settings in runs:
            yield run_path(stage, settings.run), _planned(stage, settings)


def _of_report(resolved: Resolved) -> dict[str, Planned]:
    settings = report_settings(resolved)
    runs = {"grid": resolved.grid.name, "runs": settings.runs}
    return {
        "results.json": _planned("results", runs),
        **{f"{stage}.json": _planned(stage, settings) for stage in ("tables", "figures", "page")},
    }


def report_settings(resolved: Resolved) -> ReportSettings:
    """Return what the report must know of a grid: its runs with what sets each apart, its data sets, what to show."""
    return ReportSettings(
        grid=resolved.grid,
        runs=list(_entries(resolved)),
        datasets={name: _facts(resolved, name) for name in resolved.grid.datasets},
        report=resolved.params.report,
        settings_text=_texts(resolved),
    )


def _entries(resolved: Resolved) -> Iterator[RunEntry]:
    params = resolved.params
    for ann in resolved.train_anns():
        yield _entry_of_ann(resolved, ann, "ann")
    for converted in resolved.converts():
        yield _entry_of_ann(resolved, converted, "converted")
    for snn in resolved.train_snns():
        run, recipe = snn.run, params.recipe(snn.run.recipe, snn.run.dataset)
        name, _ = split_reference(run.recipe)
        yield RunEntry(
            dataset=run.dataset,
            recipe=run.recipe,
            method=recipe.method or name,
            title=recipe.title or name,
            kind="snn",
            ann=run.ann,
            levels=snn.levels,
            network=_network(resolved, run.dataset, recipe=run.recipe),
            side=_side(resolved.frame_size(run.dataset, run.recipe)),
            steps=resolved.steps(run.dataset, run.recipe, run.ann),
            frames="clips" if recipe.clips else SEEN[order_seen(recipe, resolved.order(run.dataset, run.ann))],
            init=recipe.init,
            loss=_kinds(recipe.loss),
            neuron=recipe.neuron.kind,
            gradient=recipe.gradient.kind,
            attention=recipe.attention is not None,
            features=bool(recipe.feature_layers),
            causal=resolved.causal(run.dataset, run.recipe),
            own_schedule=recipe.schedule is not None,
            seed=run.seed,
            settings=digest(to_jsonable_python(snn)),
        )


def _entry_of_ann(resolved: Resolved, settings: TrainAnn | Convert, kind: Literal["ann", "converted"]) -> RunEntry:
    run, order = settings.run, resolved.order(settings.run.dataset, settings.run.ann)
    return RunEntry(
        dataset=run.dataset,
        recipe=run.recipe,
        method=run.recipe,
        title=run.recipe,
        kind=kind,
        ann=run.ann,
        levels=settings.levels,
        network=_network(resolved, run.dataset, ann=run.ann),
        side=_side(resolved.frame_size(run.dataset)),
        steps=phase_selection(resolved.params.dataset(run.dataset), order, 2).steps,
        frames=SEEN[order],
        init="random" if kind == "ann" else "converted",
        loss=_kinds(resolved.params.dataset(run.dataset).ann.loss),
        neuron="qcfs" if kind == "ann" else "if",
        gradient=resolved.ann_training(run.dataset, run.ann or "").gradient.kind,
        attention=False,
        features=False,
        causal=True,
        own_schedule=False,
        seed=run.seed,
        settings=digest(to_jsonable_python(settings)),
    )


def _network(resolved: Resolved, dataset: str, recipe: str | None = None, ann: str | None = None) -> str:
    """Return a network's name, with its factor on the width where it is not as wide as its authors have it."""
    name = resolved.network_name(dataset, recipe, ann)
    width = getattr(resolved.model(dataset, recipe, ann), "width", 1)
    return name if width == 1 else f"{name} ×{width:g}"


def _kinds(losses: Iterable[Any]) -> str:
    return "+".join(loss.kind for loss in losses if not loss.feature_layers)


def _side(size: list[int]) -> str:
    """Return height and width of frames as they are read: 48 × 48."""
    return " × ".join(map(str, size))


def _facts(resolved: Resolved, name: str) -> DatasetFacts:
    params, settings = resolved.params, resolved.params.dataset(name)
    first = params.ann(resolved.grid.anns[0]).schedule or settings.schedules.ann
    return DatasetFacts(
        paper=settings.paper, simulated=settings.recordings is not None, network=settings.network,
        frame_size=settings.integrate.frame_size, slice_by=settings.integrate.slice_by,
        width=float(getattr(resolved.model(name), "width", settings.width)),
        offset=settings.phases.offset, t1=settings.phases.t1, t2=settings.phases.t2, order=settings.phases.order,
        steps=settings.integrate.steps,
        epochs_ann=params.schedule(first).epochs, epochs_converted=params.schedule(settings.schedules.converted).epochs,
        epochs_random=params.schedule(settings.schedules.random).epochs, eval_test=settings.eval_every.test,
    )  # fmt: skip


def _texts(resolved: Resolved) -> dict[str, str]:
    """Return the settings that made a grid as YAML by title, complete, to be read beside its report."""
    params, grid = resolved.params, resolved.grid
    networks = dict.fromkeys(
        [
            *(resolved.network_name(name, ann=ann) for name in grid.datasets for ann in grid.all_anns),
            *(resolved.network_name(snn.dataset, snn.recipe) for snn in resolved.snns),
        ]
    )
    own = [params.recipe(snn.recipe, snn.dataset).schedule for snn in resolved.snns]
    own += [params.ann(name).schedule for name in grid.all_anns]
    shared = [name for dataset in grid.datasets for name in params.dataset(dataset).schedules.model_dump().values()]
    schedules = dict.fromkeys(name for name in [*shared, *own] if name)
    return {
        "Grid": _yaml({"grid": grid}),
        "Recipes": _yaml({name: params.recipe(name) for name in grid.all_recipes}),
        "ANNs": _yaml({name: params.ann(name) for name in grid.all_anns}),
        "Networks": _yaml({name: params.network(name) for name in networks}),
        "Schedules": _yaml({name: params.schedule(name) for name in schedules}),
        **{f"Data set {name}": _yaml({name: params.dataset(name)}) for name in grid.datasets},
    }


def _yaml(content: dict[str, Any]) -> str:
    plain = to_jsonable_python(content)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


def write(planned: dict[str, Planned], folder: Path) -> None:
    """Write a plan's files into an empty folder."""
    for name, content in planned.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.text(), encoding="utf-8")
