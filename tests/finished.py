"""A finished grid for the tests of results and report: its runs written by `write_run`, from seeded logits."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np

from pipeline.config.frames import FrameFile
from pipeline.config.grid import Grid
from pipeline.config.report import DatasetFacts, Figure2, Figure4, Report, ReportSettings, RunEntry
from pipeline.frames.store import Header
from pipeline.frames.write import write
from pipeline.report.results import Results
from pipeline.results import paths
from pipeline.results.paths import RunName
from pipeline.results.table import collect
from pipeline.results.write import Maps, write_run

CLASSES = [str(digit) for digit in range(10)]
LAYERS = [f"conv{index}" for index in range(1, 9)]
# How far the true class stands out of the noise: recipes must differ, or a mix-up of rows would go unseen.
SIGNAL = {"ann": 2.6, "converted": 0.5, "lif": 1.2, "if": 1.3, "skd": 1.5, "ht": 1.7, "ht-kd": 1.9}
LIF = {"neuron": "lif"}
FULL = {"frames": "full", "neuron": "lif"}
HT = {"init": "converted"}
# By recipe: method, title, and what differs from random weights, ce, IF and phase 2.
RECIPES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "lif": ("lif", "Baseline (LIF)", LIF), "if": ("if", "Baseline (IF)", {}), "skd": ("skd", "SKD", {"loss": "skd"}),
    "ht": ("ht", "HT", HT), "ht-kd": ("ht-kd", "HT + KD", {**HT, "loss": "kd"}),
    "hsd": ("hsd", "HSD", {**HT, "loss": "skd"}), "sltt": ("sltt", "SLTT", {**LIF, "gradient": "sltt"}),
    "ht-sltt": ("ht-sltt", "HT + SLTT", {**HT, "gradient": "sltt"}), "tet": ("tet", "TET", {**LIF, "loss": "tet"}),
    "ht-tet": ("ht-tet", "HT + TET", {**HT, "loss": "tet"}), "kd": ("kd", "KD", {"loss": "kd"}),
    "feature": ("feature", "Feature", {"features": True}),
    "kd-feature": ("kd-feature", "KD + feature", {"loss": "kd", "features": True}),
    "tet-full": ("tet", "TET", {**FULL, "loss": "tet"}),
    "tcja-full": ("tcja", "TCJA", {**FULL, "loss": "tet", "attention": True}),
    "sltt-full": ("sltt", "SLTT", {**FULL, "gradient": "sltt"}),
    "plif": ("plif", "PLIF", {**FULL, "loss": "rate_mse", "neuron": "plif", "network": "plif-4"}),
    "plif-own": ("plif", "PLIF", {**FULL, "loss": "rate_mse", "neuron": "plif", "network": "plif-4",
                                  "own_schedule": True, "side": "128 × 128"}),
    "ssnn": ("ssnn", "SSNN", {**FULL, "causal": False}),
    "hsd-steps": ("hsd-steps", "HSD, steps", {**HT, "loss": "skd"}),
}  # fmt: skip
OF_ANN: dict[str, dict[str, Any]] = {"ann": {"neuron": "qcfs"}, "converted": HT}
FACTS: dict[str, Any] = {
    "paper": None, "simulated": False, "offset": 0, "t1": 5, "t2": 5, "order": "halves", "steps": 10,
    "network": "VGG-SNN", "width": 1.0, "epochs_ann": 20, "epochs_converted": 10, "epochs_random": 30,
    "eval_test": 1, "frame_size": [34, 34], "slice_by": "number",
}  # fmt: skip
DATASETS = {
    "mnist-dvs-sim": DatasetFacts(**{**FACTS, "simulated": True, "width": 0.125, "eval_test": 5}),
    "other": DatasetFacts(**FACTS),
    "third": DatasetFacts(**FACTS),
    "cifar10dvs": DatasetFacts(**{**FACTS, "paper": "cifar10dvs"}),
    "ncaltech101": DatasetFacts(**{**FACTS, "paper": "ncaltech101"}),
    "dvsgesture": DatasetFacts(**{**FACTS, "paper": "dvsgesture", "t1": 6, "t2": 10, "steps": 16, "network": "SNN-5"}),
}
REPORT = Report(
    headline=["ann", "converted", "if", "ht", "hsd"],
    methods=["hsd", "tet", "lif", "skd", "ht", "ht-kd", "if", "sltt", "tcja"],
    table1=["tet-full.t5", "tcja-full.t5", "sltt-full.t5", "hsd.t5", "tet-full.t10", "tcja-full.t10", "sltt-full.t10",
            "hsd"],
    table2=["lif", "if", "skd", "ht", "ht-kd", "hsd"],
    table4=["lif", "sltt", "ht-sltt", "tet", "ht-tet", "hsd"],
    table5=["if", "kd", "feature", "kd-feature"],
    few_steps=[],
    comparisons=[["lif", "hsd"], ["ht", "hsd"], ["if", "ht"], ["ht", "ht-kd"], ["ht-kd", "hsd"], ["sltt", "ht-sltt"],
                 ["tet", "ht-tet"], ["hsd", "hsd@l16"]],
    figure2=Figure2(sts=["hsd", "tet-full"], dts=["tet-full"]),
    figure4=Figure4(recipes=["hsd", "tet"], steps=[1, 5], channel=37),
    exit_rule={"kind": "confidence"},
    exit_at=[0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99],
    preview=4,
    dpi=30,  # quickly drawn
)  # fmt: skip
WHOLE = ["tet-full.t1", "tet-full.t2", "tet-full.t3", "tet-full.t4", "tet-full.t5"]
METHODS: dict[str, Any] = {
    "name": "methods", "datasets": ["mnist-dvs-sim"], "anns": ["l8", "l4", "l16", "l32"],
    "baselines": ["lif", "if", "sltt", "tet", *WHOLE, "tet-full", "tcja-full.t5", "sltt-full.t5"],
    "recipes": ["skd", "ht", "ht-kd", "hsd", "ht-sltt", "ht-tet", "kd", "feature", "kd-feature", "hsd.t1", "hsd.t2",
                "hsd.t3", "hsd.t4"],
    "sweep": ["hsd"], "more_anns": [], "more": [], "seeds": [0, 1, 2],
}  # fmt: skip
GRIDS: dict[str, dict[str, Any]] = {
    "trial": {
        "name": "trial", "datasets": ["mnist-dvs-sim"], "anns": ["l8", "l4", "l16"], "baselines": ["lif", "if"],
        "recipes": ["skd", "ht", "ht-kd", "hsd"], "sweep": ["hsd"], "more_anns": [], "more": [], "seeds": [0, 1],
    },
    "methods": METHODS,
    "paper": {
        **METHODS, "name": "paper", "datasets": ["cifar10dvs", "ncaltech101", "dvsgesture"],
        "baselines": [*METHODS["baselines"], "tet-full.t10", "tcja-full.t10", "sltt-full.t10"],
        "recipes": [*METHODS["recipes"], "hsd.t5"],
    },
}  # fmt: skip


def levels_of(ann: str) -> int:
    return int(ann[1:])


def entry(dataset: str, recipe: str, ann: str | None, seed: int, **other: Any) -> RunEntry:
    """Return what plan would say of a run; `other`: in place of what RECIPES has."""
    facts, base = DATASETS[dataset], recipe.partition(".")[0]
    method, title, kind = RECIPES.get(base, (base, base, OF_ANN.get(base, {})))
    asked = {"init": "random", "loss": "ce", "neuron": "if", "frames": "phase2", **kind}
    every = facts.steps if asked["frames"] == "full" else facts.t2
    steps = int(recipe.partition(".t")[2] or every)
    values: dict[str, Any] = {
        "method": method, "title": title, "kind": base if base in ("ann", "converted") else "snn", "steps": steps,
        "gradient": "bptt", "attention": False, "features": False, "settings": "abc", "own_schedule": False,
        "network": facts.network, "side": " × ".join(map(str, facts.frame_size)),
        "causal": not asked.get("attention", False), **asked, **other,
        "levels": None if ann is None else levels_of(ann),
    }  # fmt: skip
    return RunEntry(dataset=dataset, recipe=recipe, ann=ann, seed=seed, **values)


def settings_of(
    grid: str = "trial", facts: dict[str, Any] | None = None, report: dict[str, Any] | None = None, **changes: Any
) -> ReportSettings:
    """Return settings of a grid of GRIDS with changes; `facts` and `report` change those of all data sets, REPORT."""
    found = Grid(**{**GRIDS[grid], **changes})
    runs = [
        entry(dataset, recipe, None if recipe in found.baselines else ann, seed)
        for dataset in found.datasets
        for ann in found.all_anns
        for recipe in ("ann", "converted", *_run_with(found, ann))
        for seed in found.seeds
    ]
    datasets = {name: DATASETS[name].model_copy(update=facts or {}) for name in found.datasets}
    asked = REPORT.model_copy(update=report or {})
    return ReportSettings(grid=found, runs=runs, datasets=datasets, report=asked, settings_text={"Grid": "name: <b>"})


def _run_with(grid: Grid, ann: str) -> list[str]:
    """Return the recipes that run with an ANN; those without one stand with the first."""
    first = list(dict.fromkeys([*grid.baselines, *grid.recipes, *grid.sweep]))
    return grid.more if ann in grid.more_anns else first if ann == grid.ann else grid.sweep


def write_results(settings: ReportSettings, root: Path, n_test: int = 200, classes: Sequence[str] = CLASSES) -> None:
    """Write every run of the settings, and a frames file for each data set, below root/data."""
    for run in settings.runs:
        for path, content in _files_of(run, n_test, tuple(classes)).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
    for dataset in settings.grid.datasets:
        facts = settings.datasets[dataset]
        _write_frames(frames_file(root, dataset, facts), dataset, facts, classes)


def results_of(settings: ReportSettings, root: Path) -> Results:
    frames = {dataset: frames_file(root, dataset, settings.datasets[dataset]) for dataset in settings.grid.datasets}
    return Results(*collect(settings.runs, root), settings, root, frames)


def again(results: Results) -> Results:
    """Return what is found where files of runs were changed."""
    return results_of(results.settings, results.root)


def frames_file(root: Path, dataset: str, facts: DatasetFacts) -> Path:
    """Return where stage figures looks for it."""
    return (
        root
        / paths.frames(dataset)
        / FrameFile(steps=facts.steps, frame_size=facts.frame_size, slice_by=facts.slice_by).name
    )


@cache
def _files_of(run: RunEntry, n_test: int, classes: tuple[str, ...]) -> dict[Path, bytes]:
    """Return what a run leaves, by path: most tests have the same runs, and to draw and to pack them takes long."""
    with TemporaryDirectory() as name:
        _write_run(run, folder := Path(name), n_test, classes)
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _write_run(run: RunEntry, root: Path, n_test: int, classes: Sequence[str]) -> None:
    name = RunName(run.dataset, run.ann, run.recipe, run.seed)
    random = np.random.default_rng(zlib.crc32(str(name).encode()))
    label = np.arange(n_test) % len(classes)
    logits = random.normal(size=(run.steps, n_test, len(classes))).astype(np.float32)
    logits[:, np.arange(n_test), label] += SIGNAL.get(run.recipe, 2.0) * (1 - 1 / (run.levels or 8))
    after = np.arange(1, run.steps + 1) / run.steps
    if run.frames == "phase2":
        after = np.minimum(0.5 + np.arange(1, run.steps + 1) / 10, 1)
    share = np.tile(after[:, None], (1, n_test)).astype(np.float32)
    # The recordings end after 200 and 201 ms by turns.
    time_ms = share * (200 + np.arange(n_test, dtype=np.float32) % 2)
    rates = [None] * 8 if run.kind == "ann" else random.uniform(0.05, 0.3, size=8).tolist()
    layers: list[Any] = [
        SimpleNamespace(name=layer, macs=6e5, synops=float(random.uniform(1e5, 4e5)), firing_rate=rate)
        for layer, rate in zip(LAYERS, rates, strict=True)
    ]
    layers.append(SimpleNamespace(name="readout", macs=0.0, synops=1e3, firing_rate=None))
    maps = None
    if run.kind != "ann":
        spikes = (random.random((run.steps, 8, 34, 34)) < 0.2).astype(np.uint8)
        # All recipes on the frames of phase 2 saw the same ones.
        seen = np.random.default_rng(int(run.frames == "full")).integers(0, 9, (run.steps, 2, 34, 34), np.uint8)
        maps = Maps(spikes, seen, f"{classes[0]}/0_30.aedat")
    curves = None
    if run.kind != "converted":
        epochs = 8 if run.recipe in ("lif", "if") else 4
        loss = 2.3 * np.exp(-np.arange(epochs) / 3) * random.uniform(0.9, 1.1, size=epochs)
        curves = (
            ("epoch", "loss", "accuracy"),
            [[e + 1, float(loss[e]), 1 - float(loss[e]) / 2.6] for e in range(epochs)],
        )
    facts: dict[str, Any] = {
        "n_train": 600, "n_skipped": 0, "best_test_accuracy": None, "best_test_epoch": None,
        "best_val_accuracy": None, "best_val_epoch": None, "split": "s1",
    }  # fmt: skip
    if run.kind == "ann":
        facts["accuracy_phase1"] = 0.9125
    if run.kind == "converted":
        facts["accuracy_mean_frame"] = 0.625
    record = {"wall_s": 12.5}
    write_run(name, logits, label, share, time_ms, classes, layers, curves, maps, facts, record, root)


def _write_frames(path: Path, dataset: str, facts: DatasetFacts, classes: Sequence[str]) -> None:
    """Write two recordings a class, the first for testing, the second for training."""
    random = np.random.default_rng(7)
    count, size = 2 * len(classes), facts.frame_size
    frames = random.poisson(0.05, size=(count, facts.steps, 2, *size)).astype(np.uint8)
    header = Header(dataset, list(classes), facts.steps, "number", size, size, "nearest", "toy", "0" * 64, 0)
    sides = [1] * len(classes) + [0] * len(classes)
    names = [f"{title}/{index}" for index, title in enumerate([*classes, *classes])]
    ends = [np.arange(1, facts.steps + 1)] * count
    write(path, frames, header, [*range(len(classes))] * 2, sides, names, ends, ends)
