"""What a person asks beside `dvc repro`: is a stage up to date, and an experiment that leaves the files alone."""

from __future__ import annotations

import sys

import pytest

from tests.repro.conftest import Clone
from tests.tiny import DATASET

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("stage", [f"integrate@{DATASET}", f"train_snn@{DATASET}-skd-0", "results", "figures"])
def test_what_has_just_run_is_up_to_date(reproduced: Clone, stage: str) -> None:
    done = reproduced.run(sys.executable, "-m", "pipeline", "why", stage, check=False)
    assert (done.returncode, done.stdout) == (0, f"{stage}: up to date\n")


def test_an_experiment_beside_the_files_leaves_them_as_they_are(copy: Clone) -> None:
    def changed() -> str:
        return copy.run("git", "status", "--porcelain").stdout

    copy.run("git", "add", "--all")
    copy.run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "made")
    assert changed() == ""
    before = copy.files("data/results/**/*")
    copy.run("dvc", "exp", "run", "--temp", "-S", "params/recipes.yaml:skd.loss.weight=0.5", "tables")
    assert changed() == "" and copy.files("data/results/**/*") == before
    assert len(copy.run("dvc", "exp", "list", "--name-only").stdout.split()) == 1
