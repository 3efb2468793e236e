"""`dvc repro` for real: what comes of killing it, and what is refused before or while it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests import tiny
from tests.repro.conftest import Clone

pytestmark = pytest.mark.slow

DS = tiny.DATASET


@pytest.mark.parametrize("target", ["dvc", "stage"])
def test_killed_training_goes_on_and_ends_with_equal_bits(copy: Clone, target: str, tmp_path: Path) -> None:
    stage = f"train_ann@{DS}-l4-0"
    weights = copy.root / "data/models" / DS / "l4/ann-0.safetensors"
    copy.change("schedules.longer", {"like": "short", "epochs": 400})
    copy.change("anns.l4.schedule", "longer")
    whole = Clone(tmp_path / "whole", copy.environment)
    subprocess.run(["cp", "-r", str(copy.root), str(whole.root)], check=True)

    running = copy.start("dvc", "repro", stage)
    checkpoints = copy.root / ".dvc/tmp/trainings"
    wait_for(lambda: any(checkpoints.glob("*.pt")), "a checkpoint")
    training = next(process for process in psutil.Process(running.pid).children(True) if "stages" in cmdline(process))
    os.kill(running.pid if target == "dvc" else training.pid, signal.SIGKILL)
    running.wait(60)
    # A killed dvc leaves no training behind.
    wait_for(lambda: not training.is_running() or training.status() == psutil.STATUS_ZOMBIE, "the training to end")
    assert any(checkpoints.glob("*.pt")) and not weights.exists()

    resumed = copy.run("dvc", "repro", stage)
    assert "goes on after epoch" in resumed.stdout + resumed.stderr
    assert not any(checkpoints.glob("*.pt"))
    whole.repro(stage)
    assert weights.read_bytes() == (whole.root / weights.relative_to(copy.root)).read_bytes()


def test_interrupted_training_says_so_and_is_kept(copy: Clone) -> None:
    copy.change("schedules.longer", {"like": "short", "epochs": 400})
    copy.change("anns.l4.schedule", "longer")
    copy.repro("plan")
    command = [sys.executable, "-m", "stages.train_ann", f"data/plan/train_ann/{DS}/l4/ann-0.json"]
    running = subprocess.Popen(
        command, cwd=copy.root, env=copy.environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(lambda: any((copy.root / ".dvc/tmp/trainings").glob("*.pt")), "a checkpoint")
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "saved, the next run goes on from here" in errors and "Traceback" not in errors


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"datasets.{DS}.ann.treshold", 3.0, f"{DS}.ann.treshold: unknown key; did you mean 'threshold'?"),
        (f"datasets.{DS}.phases.t2", 9, "phases need 11 frames"),
        (f"datasets.{DS}.width", 0.0, f"params/datasets.yaml: {DS}.width: input should be greater than 0"),
        (f"datasets.{DS}.integrate.frame_size", [8, 8], "too small for 4 poolings; at least 16"),
        ("recipes.hsd.loss.weight", "high", "params/recipes.yaml: hsd.loss"),
        ("grid.grid.recipes", ["skd", "hds"], "no entry 'hds'; did you mean 'hsd'?"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_run_are_refused_before_anything_runs(
    copy: Clone, path: str, value: object, message: str
) -> None:
    before = copy.files("data/**/*")
    copy.change(path, value)
    done = copy.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert message in done.stderr and "Traceback" not in done.stderr
    assert "Running stage 'plan'" in done.stdout and done.stdout.count("Running stage") == 1
    after = copy.files("data/**/*")
    assert {name: data for name, data in before.items() if not name.startswith("data/plan")} == {
        name: data for name, data in after.items() if not name.startswith("data/plan")
    }


def test_code_that_the_plan_does_not_know_is_an_error(copy: Clone) -> None:
    copy.edit(
        "stages/convert.py",
        "    settings, run =",
        "    __import__('importlib').import_module('pipeline.commands.scan')\n    settings, run =",
    )
    done = copy.run("dvc", "repro", f"convert@{DS}-l4-0", check=False)
    assert (
        done.returncode != 0 and "module pipeline.commands is loaded, but the run's plan does not know" in done.stderr
    )


def test_damaged_frames_are_named_and_leave_nothing_half_written(copy: Clone) -> None:
    frames = copy.root / f"data/frames/{DS}/t5-18x18.h5"
    frames.chmod(0o644)
    frames.write_bytes(frames.read_bytes()[:5000])
    done = copy.run(sys.executable, "-m", "stages.train_ann", f"data/plan/train_ann/{DS}/l4/ann-0.json", check=False)
    assert done.returncode == 1
    assert f"error: data/frames/{DS}/t5-18x18.h5: " in done.stderr and "Traceback" not in done.stderr


def cmdline(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def wait_for(condition, what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
