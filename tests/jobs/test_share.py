"""A colleague gets everything without computing: `dvc push` to a folder, a fresh clone, `dvc pull`."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.jobs.conftest import made
from tests.repro.conftest import REPOSITORY, Clone


def test_a_fresh_clone_pulls_and_has_nothing_to_run(toy: Clone, wanted: Clone, tmp_path: Path) -> None:
    toy.repro()
    toy.run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "remote"))
    toy.run("dvc", "push", "--run-cache")
    toy.run("git", "add", ".")
    toy.run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--message", "all")
    toy.run("git", "clone", "--quiet", ".", str(tmp_path / "clone"))
    clone = Clone(tmp_path / "clone", toy.environment)
    clone.run("dvc", "pull")
    assert clone.repro() == []
    assert made(clone) == made(wanted) and not (clone.root / "log").exists()
    # With the run cache, what a colleague's other grid or seed has in common is not computed either.
    (clone.root / "dvc.lock").unlink()
    clone.run("dvc", "pull", "--run-cache", check=False)
    assert clone.repro() == ["results"]


@pytest.mark.slow
def test_queued_experiments_run_beside_each_other(toy: Clone) -> None:
    toy.repro()
    toy.run("git", "add", ".")
    name = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    there = Clone(toy.root, {**toy.environment, **name})
    there.run("git", "commit", "--quiet", "--message", "all")
    for run in "ab":
        there.run("dvc", "exp", "run", "--queue", "-S", f"{run}.epochs=3")
    there.run("dvc", "queue", "start", "--jobs", "2")
    deadline = time.monotonic() + 240
    while (said := there.run("dvc", "queue", "status").stdout).count("Success") < 2:
        assert "Failed" not in said and time.monotonic() < deadline, said
        time.sleep(1)
    there.run("dvc", "queue", "stop")
    # They ran elsewhere: here nothing has changed.
    assert toy.repro() == []


def test_recordings_of_ones_own_are_seen_by_dvc(toy: Clone) -> None:
    """DVC reads .gitignore in its own way: what hides data/ from git must not hide the .dvc files in it."""
    for name in (".gitignore", ".dvcignore"):
        shutil.copy(REPOSITORY / name, toy.root)
    recording = toy.root / "data/raw/toys/ring/0.npz"
    recording.parent.mkdir(parents=True)
    recording.write_bytes(b"events")
    toy.run("dvc", "add", "data/raw/toys")
    shutil.rmtree(toy.root / "data/raw/toys")
    # Its stages never ran, so what they make is missing.
    toy.run("dvc", "checkout", check=False)
    assert recording.read_bytes() == b"events"
    hidden = toy.run("git", "check-ignore", "data/raw/toys/ring/0.npz", "data/models", "data/raw/toys.dvc").stdout
    assert hidden.split() == ["data/raw/toys/ring/0.npz", "data/models"]
