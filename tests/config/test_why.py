"""Why a stage would run again, told from a dvc.lock and the plans in DVC's cache."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.meta import Meta
from dvc_data.hashfile.tree import Tree

from pipeline.config.planned import Planned
from pipeline.config.why import CACHE, LOCK, _md5_of, changed_runs, differences, why

ANN = Planned("train_ann", {"levels": 8, "training": {"epochs": 5}}, {"pipeline.a": "1", "pipeline.b": "2"})
SNN = Planned("train_snn", {"loss": [{"kind": "skd", "weight": 1.0}], "steps": 5}, {"pipeline.a": "1"})
PLAN = {"train_ann/d/l8/ann-0.json": ANN, "train_snn/d/l8/hsd-0.json": SNN}
WEIGHTS = "data/models/d/l8/ann-0.safetensors"


def digest_of(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def entry(path: str, digest: str) -> dict[str, str]:
    return {"path": path, "md5": digest}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in which both stages ran with PLAN: its dvc.lock, and the plan's files in the cache."""
    locked: dict[str, Any] = {"plan": {"outs": [entry("data/plan", "0.dir")]}, "frames": {
        "deps": [entry("data/raw/d", "raw.dir")], "outs": [entry("data/selected/d", "sel.dir")]}}  # fmt: skip
    for path, made in PLAN.items():
        digest = digest_of(made.text().encode())
        kept = tmp_path / CACHE / digest[:2] / digest[2:]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(made.text())
        locked[made.stage] = {"deps": [entry(f"data/plan/{path}", digest), entry("data/selected/d/x.json", "7")]}
    locked["train_ann"]["outs"] = [entry(WEIGHTS, digest_of(b"weights"))]
    locked["train_snn"]["deps"].append(entry(WEIGHTS, digest_of(b"weights")))
    (tmp_path / WEIGHTS).parent.mkdir(parents=True)
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    write_lock(tmp_path, locked)
    (tmp_path / "data/raw/d").mkdir(parents=True)
    return tmp_path


def write_lock(root: Path, stages: dict[str, Any]) -> None:
    (root / LOCK).write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def changed(path: str, **changes: Any) -> dict[str, Planned]:
    return {**PLAN, path: dataclasses.replace(PLAN[path], **changes)}


def test_what_is_as_it_was_has_no_reason(root: Path) -> None:
    assert why("train_ann", PLAN, root) == why("train_snn", PLAN, root) == []
    assert changed_runs(PLAN, root) == {}


def test_a_changed_option_is_told_by_its_path_with_both_values(root: Path) -> None:
    plan = changed("train_ann/d/l8/ann-0.json", settings={"levels": 8, "training": {"epochs": 6}})
    assert why("train_ann", plan, root) == ["training.epochs: 5 -> 6"]
    assert changed_runs(plan, root) == {"train_ann/d/l8/ann-0.json": ["training.epochs: 5 -> 6"]}
    plan = changed("train_snn/d/l8/hsd-0.json", settings={**SNN.settings, "loss": [{"kind": "skd", "weight": 0.5}]})
    assert why("train_snn", plan, root) == ["loss.0.weight: 1.0 -> 0.5"]
    # Keys that are new or gone.
    plan = changed("train_ann/d/l8/ann-0.json", settings={"levels": 8, "training": {}, "new": 1})
    assert why("train_ann", plan, root) == ["new: None -> 1", "training.epochs: 5 -> None"]


def test_edited_new_and_unused_modules_are_named(root: Path) -> None:
    plan = changed("train_ann/d/l8/ann-0.json", code={"pipeline.b": "3", "pipeline.c": "1"})
    assert why("train_ann", plan, root) == [
        "code: pipeline.a (no longer used)", "code: pipeline.b (edited)", "code: pipeline.c (new)",
    ]  # fmt: skip
    assert differences(ANN, ANN) == []


def test_a_new_run_says_so_and_names_the_nearest(root: Path) -> None:
    (found,) = why("train_anm", PLAN, root)
    assert found == "train_anm: never ran here: dvc.lock does not know it; did you mean 'train_ann'?"
    plan = {**PLAN, "train_snn/d/l8/kd-0.json": SNN}
    assert changed_runs(plan, root) == {"train_snn/d/l8/kd-0.json": ["new"]}
    (root / LOCK).unlink()
    assert why("train_ann", PLAN, root) == ["train_ann: never ran here: dvc.lock does not know it"]
    assert changed_runs(PLAN, root) == {name: ["new"] for name in PLAN}


def test_a_run_that_the_grid_has_no_more(root: Path) -> None:
    (found,) = why("train_ann", {"train_snn/d/l8/hsd-0.json": SNN}, root)
    assert found == "data/plan/train_ann/d/l8/ann-0.json: the grid has no such run any more"


def test_a_plan_that_the_cache_lost_is_told(root: Path) -> None:
    plan = changed("train_ann/d/l8/ann-0.json", settings={"levels": 4})
    for path in (root / CACHE).rglob("*"):
        if path.is_file():
            path.unlink()
    (found,) = why("train_ann", plan, root)
    assert found.endswith("ann-0.json: changed; what it was is no longer in the cache")


def test_an_input_that_was_made_anew_is_named_with_its_maker(root: Path) -> None:
    stages = yaml.safe_load((root / LOCK).read_text())["stages"]
    stages["train_ann"]["outs"] = [entry(WEIGHTS, "2")]
    write_lock(root, stages)
    assert why("train_snn", PLAN, root) == [f"{WEIGHTS}: made anew by train_ann since"]


def test_a_file_of_a_folder_that_was_made_anew_is_named(root: Path) -> None:
    stages = yaml.safe_load((root / LOCK).read_text())["stages"]
    path = root / "data/selected/d/x.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    stages["train_ann"]["deps"][1]["md5"] = digest_of(b"{}")
    write_lock(root, stages)
    assert why("train_ann", PLAN, root) == []
    path.write_text("{ }")
    assert why("train_ann", PLAN, root) == ["data/selected/d/x.json: made anew by frames since"]


def test_a_stage_whose_input_will_be_made_first_says_why(root: Path) -> None:
    plan = changed("train_ann/d/l8/ann-0.json", settings={**ANN.settings, "levels": 4})
    assert why("train_snn", plan, root) == [f"{WEIGHTS}: train_ann runs first (levels: 8 -> 4)"]


def test_an_input_that_is_missing_is_named(root: Path) -> None:
    stages = yaml.safe_load((root / LOCK).read_text())["stages"]
    stages["frames"]["outs"] = []
    write_lock(root, stages)
    (root / "data/raw/d").rmdir()
    assert why("frames", PLAN, root) == ["data/raw/d: missing, and no stage makes it"]


@pytest.mark.parametrize("cached", [True, False])
def test_an_output_that_is_missing_or_changed_is_told(root: Path, cached: bool) -> None:
    digest = digest_of(b"weights")
    kept = root / CACHE / digest[:2] / digest[2:]
    if cached:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(b"weights")
    then = "put back from the cache without a run" if cached else "made again, for the cache has it no more"
    (root / WEIGHTS).write_bytes(b"another")
    assert why("train_ann", PLAN, root) == [f"{WEIGHTS}: changed since the stage wrote it; {then}"]
    (root / WEIGHTS).unlink()
    assert why("train_ann", PLAN, root) == [f"{WEIGHTS}: missing; {then}"]


def test_a_folder_is_digested_as_dvc_does(tmp_path: Path) -> None:
    by_dvc = Tree()
    for name in ("b.txt", "a/c.txt", "a.txt"):
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_text(name)
        by_dvc.add(tuple(name.split("/")), Meta(), HashInfo("md5", digest_of(name.encode())))
    by_dvc.digest()
    # .dvcignore leaves these out.
    (tmp_path / "out/.a.txt.1.partial").touch()
    assert _md5_of(tmp_path / "out") == by_dvc.oid
