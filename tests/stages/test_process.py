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
from pipeline.nets.weights import read_about
from pipeline.results.paths import RunName, selected
from tests import tiny
from tests.stages.conftest import DATASET, choose, metrics, one, run, weights

ROOT = Path(__file__).parents[2]
ANN = RunName(DATASET, "l4", "ann", 0)


@pytest.fixture
def planned(documents: tiny.Documents) -> Planned:
    params = one(documents, None, "l4")
    choose(params)
    return plan(params)[f"train_ann/{DATASET}/l4/ann-0.json"]


def stage(said: Planned, name: str = "train_ann") -> subprocess.CompletedProcess[str]:
    Path("run.json").write_text(said.text())
    return subprocess.run(
        [sys.executable, "-m", f"stages.{name}", "run.json"], capture_output=True, text=True, check=False,
        # As many threads as this process has: with another number, sums differ in their last bits.
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}, timeout=120,
    )  # fmt: skip


def test_a_stage_does_what_its_file_says(planned: Planned, documents: tiny.Documents) -> None:
    done = stage(planned)
    assert done.returncode == 0, done.stderr
    assert f"{ANN}: " in done.stdout and "% of 9 test recordings" in done.stdout
    made, numbers = weights("ann", "l4"), metrics("ann", "l4")
    # In this process, the same to the bit.
    run("train_ann", documents)
    assert (weights("ann", "l4"), metrics("ann", "l4")) == (made, numbers)


def test_a_module_that_the_plan_does_not_know_is_an_error(planned: Planned) -> None:
    name = "pipeline.training.losses.ce"
    assert name in planned.code
    done = stage(replace(planned, code={key: value for key, value in planned.code.items() if key != name}))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"error: module {name} is loaded, but the run's plan does not know that it depends on it" in done.stderr
    assert not ANN.weights.exists()


@pytest.mark.parametrize("name", ["pipeline.training.loop", "pipeline.training.losses.ce"])
def test_code_that_was_edited_after_the_plan_was_made_is_an_error(planned: Planned, name: str) -> None:
    done = stage(replace(planned, code={**planned.code, name: "0" * 16}))
    assert done.returncode == 1 and not ANN.weights.exists()
    assert f"error: run.json: {name} changed after the plan was made; run `dvc repro` again" in done.stderr


def test_errors_are_told_without_a_traceback(planned: Planned) -> None:
    for path in (Path("data/frames") / DATASET).glob("*.h5"):
        path.write_bytes(b"damaged")
    done = stage(planned)
    assert done.returncode == 1 and done.stderr.startswith("error: data/frames/") and "Traceback" not in done.stderr
    Path("run.json").unlink()
    assert "run.json: not found" in subprocess.run(
        [sys.executable, "-m", "stages.train_ann", "run.json"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    ).stderr  # fmt: skip


def test_a_plan_that_was_edited_by_hand_says_what_is_wrong(planned: Planned) -> None:
    done = stage(replace(planned, settings={**planned.settings, "levels": "four"}))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "error: run.json: levels: input should be a valid integer, found 'four'; edit params/" in done.stderr


def test_weights_say_what_they_are(planned: Planned) -> None:
    assert stage(planned).returncode == 0
    about = read_about(ANN.weights)
    assert about["run"] == {"dataset": DATASET, "ann": "l4", "recipe": "ann", "seed": 0}
    assert about["classes"] == ["a", "b", "c"] and about["split"] == "m" and about["levels"] == 4
    frames = about["frames"]
    assert frames["selection"] == read_pointer(selected(DATASET, "l4/ann.phase2")).selection.model_dump(mode="json")
    assert {"sensor", "extent", "orientation", "resize"} == set(frames) - {"selection"}


def test_the_file_of_another_stage_is_refused(planned: Planned) -> None:
    done = stage(planned, "convert")
    assert done.returncode == 1 and "run.json: is of stage train_ann" in done.stderr and "Traceback" not in done.stderr
