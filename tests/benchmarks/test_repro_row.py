from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import repro
from benchmarks.context import Context
from benchmarks.result import REPORT
from pipeline.errors import PipelineError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository of two commits; `dvc repro` in it is a script that says where it ran."""
    project, programs = tmp_path / "project", tmp_path / "programs"
    project.mkdir()
    programs.mkdir()
    (programs / "dvc").write_text(f'#!/bin/sh\ncat number >> "{tmp_path}/ran"\n')
    (programs / "dvc").chmod(0o755)
    (programs / "python").symlink_to("/bin/false")
    monkeypatch.setattr(repro.sys, "executable", str(programs / "python"))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "--quiet"], cwd=project, check=True)
    for number in ("1", "2"):
        (project / "number").write_text(number)
        subprocess.run([*git, "add", "number"], cwd=project, check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", number], cwd=project, check=True)
    return project


def test_both_revisions_run_cold_and_again(context: Context, project: Path, tmp_path: Path) -> None:
    ticks = iter([0.0, 30.0, 100.0, 101.0, 200.0, 260.0, 300.0, 303.0])
    cold, again = repro.repro(replace(context, before="HEAD~1"), project, lambda: next(ticks))
    assert (tmp_path / "ran").read_text() == "2211"
    assert (cold.ours, cold.theirs, again.ours, again.theirs) == (30.0, 60.0, 1.0, 3.0)
    assert cold.ratio is not None and cold.ratio.median == 2.0 and cold.verdict == REPORT
    assert not (context.folder / "now").exists()


def test_without_a_revision_before_there_is_no_ratio(context: Context, project: Path) -> None:
    cold, again = repro.repro(context, project)
    assert cold.ratio is None and cold.ours is not None and again.ours is not None


def test_what_fails_is_told(context: Context, project: Path) -> None:
    with pytest.raises(PipelineError, match="git rev-parse failed: .*"):
        repro.repro(replace(context, before="no-such-revision"), project)
