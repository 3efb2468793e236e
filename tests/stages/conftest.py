"""Tiny frames of three classes in a folder of their own, and the stages run on them in this process."""

from __future__ import annotations

import importlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pipeline.config.catalogues import Params, parse
from pipeline.config.check import check
from pipeline.config.frames import FrameFile
from pipeline.config.grid import Grid
from pipeline.config.resolve import Resolved
from pipeline.frames.selection import LabelledFrames, load
from pipeline.frames.store import FACTS, Header, file_sha256
from pipeline.frames.store import load as load_frames
from pipeline.frames.write import write
from pipeline.results import paths
from pipeline.results.paths import RunName
from stages import select
from stages._cli import Call
from tests import tiny

DATASET = tiny.DATASET
TRAIN, TEST = 15, 9
# Of tiny's settings: five frames, of which each phase has two.
STEPS = 5


def file(steps: int = STEPS, size: tuple[int, int] = (18, 18)) -> Path:
    return paths.frames(DATASET) / FrameFile(steps=steps, frame_size=list(size), slice_by="number").name


def write_frames(seed: int = 0, steps: int = STEPS, size: tuple[int, int] = (18, 18)) -> Path:
    """Write 15 training and 9 test recordings; frame t ends after 10 · (t + 1) events and 2 · (t + 1) ms."""
    rng = np.random.default_rng(seed)
    count = TRAIN + TEST
    labels = np.arange(count) % 3
    frames = rng.integers(0, 4, (count, steps, 2, *size), np.uint8)
    frames[np.arange(count), :, 0, :4, :4] += (labels * 6)[:, None, None, None].astype(np.uint8)
    header = Header(
        DATASET, ["a", "b", "c"], steps, "number", [18, 18], list(size), "nearest", "toy", "0" * 64, 0, manifest="m"
    )
    ends, names = [np.arange(1, steps + 1)] * count, [f"a/{i:02}" for i in range(count)]
    write(
        file(steps, size), frames, header, labels.tolist(), [0] * TRAIN + [1] * TEST, names,
        [10 * end for end in ends], [2000 * end for end in ends],
    )  # fmt: skip
    return file(steps, size)


def cut_validation(count: int = 3) -> None:
    """Make the last training recordings a validation part."""
    with h5py.File(file(), "a") as opened:
        sides = opened["split"][:]
        sides[TRAIN - count : TRAIN] = 2
        opened["split"][:] = sides
        opened.attrs["validation"] = "share: 0.2, seed: 0"


def change_frames(path: Path, steps: list[int], side: int = 0) -> None:
    with h5py.File(path, "a") as opened:
        frames = opened["frames"][:]
        rows = opened["split"][:] == side
        frames[np.ix_(rows, steps)] = np.random.default_rng(9).integers(0, 9, frames[np.ix_(rows, steps)].shape)
        opened["frames"][:] = frames


def write_facts() -> None:
    """Write what the frames files are, as stage integrate does."""
    entries = []
    for path in sorted(paths.frames(DATASET).glob("*.h5")):
        header = load_frames(path).header
        with h5py.File(path, "r") as opened:
            sides = opened["split"][:].tolist()
        counts = {name: sides.count(side) for side, name in enumerate(("train", "test", "validation"))}
        entries.append({"file": path.name, "sha256": file_sha256(path), "manifest": header.manifest, **counts})
    facts = {"class_names": ["a", "b", "c"], "files": entries}
    (paths.frames(DATASET) / FACTS).write_text(json.dumps(facts))


def one(documents: tiny.Documents, recipe: str | None, ann: str | None) -> Params:
    """Return the settings with a grid of one recipe, or of the ANN alone."""
    lists: dict[str, list[str]] = {"baselines": [], "recipes": [], "sweep": []}
    if recipe is not None:
        lists["recipes" if ann else "baselines"] = [recipe]
    grid = {
        "name": "one",
        "datasets": [DATASET],
        "anns": [ann or "l4"],
        "seeds": [0],
        "more_anns": [],
        "more": [],
        **lists,
    }
    grids = {"grid": Grid.model_validate(grid), "grids": {}}
    params = _parsed(json.dumps({**documents, "grid": {"grid": tiny.SHIPPED}})).model_copy(update=grids)
    check(params, "grid", params.grid)
    return params


@lru_cache(maxsize=4)
def _parsed(documents: str) -> Params:
    """Return settings, which one test after the other, and one stage after the other, has alike."""
    return parse(json.loads(documents))


def choose(params: Params) -> None:
    """Run stage select on the frames files as they are now."""
    write_facts()
    selections = Resolved(params, params.grid).selections(DATASET)
    select.main(Call(select.Settings(dataset=DATASET, selections=selections), {}))


def call(params: Params, stage: str) -> Call[Any]:
    """Return what the one run of a training stage is called with."""
    resolved = Resolved(params, params.grid)
    runs = {"train_ann": resolved.train_anns, "convert": resolved.converts, "train_snn": resolved.train_snns}
    (settings,) = runs[stage]()
    return Call(settings, {})


def run(stage: str, documents: tiny.Documents, recipe: str | None = None, ann: str | None = "l4") -> None:
    """Run a training stage, after stage select.

    Args:
        recipe: of train_snn. ann: None for a recipe that needs none.
    """
    params = one(documents, recipe, ann)
    choose(params)
    importlib.import_module(f"stages.{stage}").main(call(params, stage))


def seen(name: str, side: int = 1, ann: str | None = None) -> LabelledFrames:
    """Return the frames that a run was selected to see."""
    return load(paths.selected(DATASET, paths.selected_name(ann, name)), side)


def weights(recipe: str, ann: str | None = None) -> bytes:
    return RunName(DATASET, ann, recipe, 0).weights.read_bytes()


def metrics(recipe: str, ann: str | None = None) -> dict[str, Any]:
    return json.loads((RunName(DATASET, ann, recipe, 0).results / "metrics.json").read_text())


def arrays(recipe: str, ann: str | None = None, name: str = "logits") -> dict[str, np.ndarray]:
    return dict(np.load(RunName(DATASET, ann, recipe, 0).results / f"{name}.npz", allow_pickle=False))


def small() -> tiny.Documents:
    """Return tiny's settings without looking at test recordings during a training."""
    documents = tiny.documents()
    tiny.change(documents, f"datasets.{DATASET}.eval_every", {"validation": 1, "test": 0})
    return documents


@pytest.fixture
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tiny.Documents:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HSD_DEVICE", "cpu")
    monkeypatch.setenv("HSD_PRECISION", "fp32")
    write_frames()
    return small()
