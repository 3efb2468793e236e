"""A stage as DVC runs it: a process with one file of the plan, in which other code than the plan's is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.config.plan import plan
from pipeline.config.planned import Planned
from pipeline.frames.selection import read_pointer
from pipeline.frames.store import FACTS
from pipeline.nets.weights import read_about
from pipeline.results.paths import RunName, frames, selected
from tests import tiny
from tests.stages.conftest import DATASET, choose, metrics, one, run, weights

ROOT = Path(__file__).parents[2]
ANN = RunName(DATASET, "l4", "ann", 0)


@pytest.fixture
def plans(documents: tiny.Documents) -> dict[str, Planned]:
    """The plan of one ANN, whose frames are selected."""
    params = one(documents, None, "l4")
    choose(params)
    return plan(params)


@pytest.fixture
def training(plans: dict[str, Planned]) -> Planned:
    return plans[f"train_ann/{DATASET}/l4/ann-0.json"]


@pytest.fixture
def selecting(plans: dict[str, Planned]) -> Planned:
    """The file of a stage that starts in a moment, since it loads no torch: all stages share the frame around it."""
    return plans[f"select/{DATASET}.json"]


def stage(said: Planned | None, name: str) -> subprocess.CompletedProcess[str]:
    if said is not None:
        Path("run.json").write_text(said.text())
    return subprocess.run(
        [sys.executable, "-m", f"stages.{name}", "run.json"], capture_output=True, text=True, check=False,
        # As many threads as this process has: with another number, sums differ in their last bits.
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}, timeout=120,
    )  # fmt: skip


def refused(said: Planned | None, name: str = "select") -> str:
    """Return what a stage says that must fail, without a traceback and without an output."""
    before = written()
    done = stage(said, name)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert written() == before
    return done.stderr


def written() -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in Path("data").rglob("*")}


def test_a_stage_does_what_its_file_says_and_its_weights_say_what_they_are(
    training: Planned, documents: tiny.Documents
) -> None:
    done = stage(training, "train_ann")
    assert done.returncode == 0, done.stderr
    assert f"{ANN}: " in done.stdout and "% of 9 test recordings" in done.stdout
    about = read_about(ANN.weights)
    assert about["run"] == {"dataset": DATASET, "ann": "l4", "recipe": "ann", "seed": 0}
    assert about["classes"] == ["a", "b", "c"] and about["split"] == "m" and about["levels"] == 4
    seen = about["frames"]
    assert seen["selection"] == read_pointer(selected(DATASET, "l4/ann.phase2")).selection.model_dump(mode="json")
    assert {"sensor", "extent", "orientation", "resize"} == set(seen) - {"selection"}
    made, numbers = weights("ann", "l4"), metrics("ann", "l4")
    # In this process, the same to the bit.
    run("train_ann", documents)
    assert (weights("ann", "l4"), metrics("ann", "l4")) == (made, numbers)


def test_a_module_that_the_plan_does_not_know_is_an_error(training: Planned) -> None:
    # A piece, which is loaded late, by its kind.
    name = "pipeline.training.losses.ce"
    assert name in training.code
    known = {key: value for key, value in training.code.items() if key != name}
    message = f"error: module {name} is loaded, but the run's plan does not know that it depends on it"
    assert message in refused(replace(training, code=known), "train_ann")


@pytest.mark.parametrize("name", ["stages.select", "pipeline.frames.selection"])
def test_code_that_was_edited_after_the_plan_was_made_is_an_error(selecting: Planned, name: str) -> None:
    assert name in selecting.code
    message = f"error: run.json: {name} changed after the plan was made; run `dvc repro` again"
    assert message in refused(replace(selecting, code={**selecting.code, name: "0" * 16}))


def test_errors_are_told_without_a_traceback(selecting: Planned) -> None:
    (frames(DATASET) / FACTS).write_bytes(b"damaged")
    assert refused(selecting).startswith(f"error: data/frames/{DATASET}/")
    Path("run.json").unlink()
    assert "run.json: not found" in refused(None)


def test_a_plan_that_was_edited_by_hand_says_what_is_wrong(selecting: Planned) -> None:
    message = refused(replace(selecting, settings={**selecting.settings, "dataset": 4}))
    assert "error: run.json: dataset: input should be a valid string, found 4; edit params/" in message


def test_the_file_of_another_stage_is_refused(selecting: Planned) -> None:
    assert "run.json: is of stage select" in refused(selecting, "recordings")
