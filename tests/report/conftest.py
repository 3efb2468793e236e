"""A results tree as the other stages write it, from random but seeded logits."""

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from pipeline.config import Params, parse
from pipeline.report.results import cells_of, folder
from pipeline.runtime.files import write_csv, write_json

REPOSITORY = Path(__file__).parents[2]
CLASSES = [str(digit) for digit in range(10)]
STEPS, EPOCHS = 5, 4
LAYERS = [f"block{index}" for index in range(1, 9)]
# How far the true class stands out of the noise: recipes must differ, or a mix-up of rows would go unseen.
SIGNAL = {"ann": 2.6, "converted": 0.5, "lif": 1.2, "if": 1.3, "skd": 1.5, "ht": 1.7, "ht-kd": 1.9}

Make = Callable[..., tuple[Params, Path]]


@pytest.fixture
def document() -> dict[str, Any]:
    """params.yaml with a grid of its own, so that another default grid changes no test."""
    content: dict[str, Any] = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    content["grid"] = {
        "name": "trial", "datasets": ["embedded"], "simulated": ["embedded"], "resplit": [], "ann": "l8",
        "anns": ["l4", "l8", "l16"], "sweep": ["l4", "l16"], "sweep_recipes": ["hsd"],
        "baselines": ["lif", "if"], "whole": [], "recipes": ["skd", "ht", "ht-kd", "hsd"], "seeds": [0, 1],
    }  # fmt: skip
    content["datasets"] = {"embedded": content["datasets"]["embedded"]}
    for name in ("paper", "methods", "study"):
        del content[name]
    content["report"]["headline"] = ["ann", "converted", "if", "ht", "hsd"]
    content["report"]["dpi"] = 30  # quickly drawn
    return content


@pytest.fixture
def make(tmp_path: Path, document: dict[str, Any]) -> Make:
    """Write results and frames of a grid and give its settings and the folder that stands for the repository.

    `named`: a grid of params.yaml, with the data sets as they stand there; else the document's. Further keys change it.
    """

    def build(
        paper: str | None = None, n_test: int = 200, named: str | None = None, **grid: Any
    ) -> tuple[Params, Path]:
        content = copy.deepcopy(document)
        if named is not None:
            asked: dict[str, Any] = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
            content["grid"], content["datasets"] = asked[named], asked["datasets"]
        content["grid"].update(grid)
        for name in content["grid"]["datasets"] if named is None else ():
            content["datasets"].setdefault(name, copy.deepcopy(content["datasets"]["embedded"]))
            content["datasets"][name]["paper"] = paper
        params = parse(content)
        for dataset, ann, name in cells_of(params.grid):
            for seed in params.grid.seeds:
                path = tmp_path / "data/results" / folder(params.grid, dataset, ann, name, seed)
                steps = params.steps_of(dataset, name) if name in params.recipes else params.dataset(dataset).phases.t2
                whole = name in params.recipes and params.recipe(name).frames == "whole"
                _write_run(path, params.levels(dataset, ann), name, n_test, steps, whole)
        for dataset in params.grid.datasets:
            _write_frames(tmp_path / f"data/frames/{dataset}.h5", params.dataset(dataset).integrate.steps)
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return params, tmp_path

    return build


def _write_run(path: Path, levels: int, name: str, n_test: int, steps: int = STEPS, whole: bool = False) -> None:
    random = np.random.default_rng(zlib.crc32("/".join(path.parts[-3:]).encode()))
    label = np.arange(n_test) % len(CLASSES)
    logits = random.normal(size=(steps, n_test, len(CLASSES))).astype(np.float32)
    logits[:, np.arange(n_test), label] += SIGNAL.get(name, 2.0) * (1 - 1 / levels)
    running = np.cumsum(logits, axis=0).argmax(axis=-1) == label
    answer = logits.mean(axis=0).argmax(axis=-1)
    metrics: dict[str, float] = {
        "accuracy": float(np.mean(answer == label)), "n_test": n_test, "n_train": 600, "levels": levels,
        "n_skipped": 0,
        "best_test_accuracy": None, "best_test_epoch": None, "best_val_accuracy": None, "best_val_epoch": None,
        "macs": 5_000_000, "synops": float(random.uniform(1e6, 4e6)), "energy_uj": float(random.uniform(1, 4)),
    }  # fmt: skip
    path.mkdir(parents=True)
    # After each step, the share of the recording's events seen and the time since its start.
    after = np.arange(1, steps + 1) / steps if whole else np.minimum(0.5 + np.arange(1, steps + 1) / 10, 1)
    share = np.tile(after[:, None], (1, n_test)).astype(np.float32)
    time_ms = share * (200 + np.arange(n_test, dtype=np.float32) % 2)
    np.savez(path / "logits.npz", logits=logits, label=label, share=share, time_ms=time_ms)
    if name != "ann":
        spikes = (random.random((steps, 8, 34, 34)) < 0.2).astype(np.uint8)
        # All recipes on the frames of phase 2 saw the same ones.
        frames = np.random.default_rng(int(whole)).integers(0, 9, (steps, 2, 34, 34), np.uint8)
        np.savez(path / "maps.npz", spikes=spikes, frames=frames, name=np.array("0/0_30.aedat"))
    rows = [(t, float(right.mean()), int(right.sum()), n_test) for t, right in enumerate(running, start=1)]
    write_csv(path / "accuracy.csv", ["t", "accuracy", "correct", "n"], rows)
    counts = np.zeros((len(CLASSES), len(CLASSES)), dtype=int)
    np.add.at(counts, (label, answer), 1)
    write_csv(path / "confusion.csv", ["true", *CLASSES], [[c, *row] for c, row in zip(CLASSES, counts, strict=True)])
    if name == "ann":
        metrics["accuracy_phase1"] = 0.9125
    else:
        rates = random.uniform(0.05, 0.3, size=len(LAYERS))
        metrics["firing_rate"] = float(rates.mean())
        layers = [(layer, float(rate), 1e5, 6e5) for layer, rate in zip(LAYERS, rates, strict=True)]
        write_csv(path / "layers.csv", ["layer", "firing_rate", "synops", "macs"], [*layers, ("readout", "", 1e3, 0)])
    if name != "converted":
        epochs = EPOCHS * (2 if name in ("lif", "if") else 1)
        loss = 2.3 * np.exp(-np.arange(epochs) / 3) * random.uniform(0.9, 1.1, size=epochs)
        curves = [(e + 1, 0.1, float(loss[e]), float(loss[e]), 0.0, 1 - float(loss[e]) / 2.6) for e in range(epochs)]
        write_csv(path / "curves.csv", ["epoch", "lr", "loss", "ce", "distillation", "accuracy"], curves)
    write_json(path / "metrics.json", metrics)


def _write_frames(path: Path, steps: int) -> None:
    random = np.random.default_rng(7)
    count, side = 20, 34
    frames = random.poisson(0.05, size=(count, steps, 2, side, side)).astype(np.uint8)
    for index in range(count):
        for t in range(steps):
            x = 5 + 2 * t
            frames[index, t, 1, 8:26, x : x + 3] += 4
            frames[index, t, 0, 8:26, x - 3 : x] += 3
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["frames"] = frames
        file["label"] = np.arange(count) % len(CLASSES)
        file["split"] = (np.arange(count) < len(CLASSES)).astype(np.uint8)  # 1, for testing: the first ten
        file["name"] = [f"recording{index}" for index in range(count)]
        file.attrs["classes"] = json.dumps(CLASSES)
